package main

import "strings"

// sparkline draws numbers as bars, from zero to the greatest of them.
func sparkline(values []int64) string {
	levels := []rune("▁▂▃▄▅▆▇█")
	most := int64(1)
	for _, v := range values {
		most = max(most, v)
	}
	var line strings.Builder
	for _, v := range values {
		level := 0
		if v > 0 { // whatever is more than nothing is seen
			level = max(1, int(float64(v)/float64(most)*float64(len(levels)-1)+0.5))
		}
		line.WriteRune(levels[level])
	}
	return line.String()
}
