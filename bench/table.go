package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
)

// writeTable prints the medians of one mode, with half of the range of the
// turns behind each, and Jobsy's share of asynq's.
func (r *results) writeTable(w io.Writer, mode mode) {
	fmt.Fprintf(w, "\nmedians; Redis with %s\n\n", mode.name)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "row\tJobsy\tasynq\tratio\tJobsy in memory\tbare Redis\tunit\t  work")
	for _, m := range r.metrics {
		if m.mode != mode.name {
			continue
		}
		jobsy, asynq := r.of(m, "jobsy"), r.of(m, "asynq")
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t  %s\n", m.row, jobsy, asynq,
			ratio(jobsy.median/asynq.median), r.of(m, "memory"), r.of(m, "redis"), m.unit, m.name)
	}
	_ = table.Flush()
}

// String returns the median and how far the turns are apart.
func (s summary) String() string {
	if math.IsNaN(s.median) {
		return ""
	}
	if s.median == 0 || s.least == s.most {
		return number(s.median)
	}
	return fmt.Sprintf("%s ±%.0f%%", number(s.median), 50*(s.most-s.least)/s.median)
}

func ratio(r float64) string {
	if math.IsNaN(r) || math.IsInf(r, 0) {
		return ""
	}
	return number(r) + "×"
}

// number writes three digits, or all before the point, by thousands.
func number(f float64) string {
	if math.IsNaN(f) {
		return "–"
	}
	if math.Abs(f) < 100 {
		return strconv.FormatFloat(f, 'g', 3, 64)
	}
	digits := strconv.FormatFloat(f, 'f', 0, 64)
	var grouped strings.Builder
	for i, digit := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			grouped.WriteByte(',')
		}
		grouped.WriteRune(digit)
	}
	return grouped.String()
}
