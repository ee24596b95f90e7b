package dashboard

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
)

const (
	maxSlots    = 72  // of a chart, from left to right
	slotWidth   = 10  // in units of the drawing
	chartHeight = 120 // in pixels and units of the drawing
)

// chart is one drawing over time, which needs no script and no style of its own.
type chart struct {
	Title   string
	Summary string // for those who cannot see it
	Width   int
	Height  int
	Grid    []mark
	Paths   []stroke
	Slots   []slot
	From    string
	To      string
}

// mark is a line across, with its label.
type mark struct {
	Y    float64
	Text float64
	Name string
}

// stroke is what one series draws, and its line of the legend.
type stroke struct {
	Class, Name, Value, D string
}

// slot is a column to point at.
type slot struct {
	X    int
	Text string
}

// column is what was recorded in the time of one slot.
type column struct {
	at       time.Time
	last     time.Time
	enqueued int64
	broker.Tally
}

// columns sums periods up into what a chart has room for. The last one holds now,
// and the first may begin a little later than so many minutes ago.
func columns(f *broker.Figures, minutes int) []column {
	each, back := max(f.Step, time.Minute), time.Duration(minutes)*time.Minute
	step := (back/maxSlots + each - 1).Truncate(each)
	n := int((back + step - 1) / step)
	first := f.Now.Truncate(each).Add(each - time.Duration(n)*step)
	all := make([]column, n)
	for i := range all {
		all[i].at = first.Add(time.Duration(i) * step)
		all[i].last = all[i].at.Add(step)
	}
	for _, p := range f.Periods {
		if i := int(p.At.Sub(first) / step); !p.At.Before(first) && i < n {
			all[i].enqueued += p.Enqueued
			all[i].Add(&p.Tally)
		}
	}
	return all
}

// throughput draws how many tasks were enqueued, and before that how many attempts
// ended in which way, one upon the other.
func throughput(all []column, enqueued int64, total *broker.Tally) chart {
	c := newChart("Enqueued, and attempts ended", all)
	var highest int64 = 1
	for i := range all {
		highest = max(highest, all[i].enqueued, all[i].Completed+all[i].Retried+all[i].Failed)
	}
	top := roundUp(highest)
	scale := float64(chartHeight-1) / float64(top)
	for _, n := range slices.Compact([]int64{0, top / 2, top}) {
		y := chartHeight - float64(n)*scale
		c.Grid = append(c.Grid, mark{Y: y, Text: textAt(y), Name: compact(n)})
	}
	below := make([]int64, len(all))
	draw := func(class, name string, sum int64, of func(*column) int64) {
		var d strings.Builder
		for i := range all {
			n := of(&all[i])
			if n == 0 {
				continue
			}
			height := max(float64(n)*scale, 1) // one failure among a million is seen
			fmt.Fprintf(&d, "M%d %.1fh%dv%.1fh-%dz", i*slotWidth+1, chartHeight-float64(below[i])*scale, slotWidth-2, -height, slotWidth-2)
			below[i] += n
		}
		c.Paths = append(c.Paths, stroke{class, name, grouped(sum), d.String()})
	}
	draw("completed", "completed", total.Completed, func(c *column) int64 { return c.Completed })
	draw("retried", "retried", total.Retried, func(c *column) int64 { return c.Retried })
	draw("failed", "failed", total.Failed, func(c *column) int64 { return c.Failed })
	line := steps(all, func(col *column) (float64, bool) {
		return chartHeight - float64(col.enqueued)*scale, col.enqueued > 0
	})
	c.Paths = append(c.Paths, stroke{"enqueued", "enqueued", grouped(enqueued), line})
	for i := range all {
		c.Slots[i].Text += fmt.Sprintf("%s enqueued; %s completed, %s retried, %s failed", grouped(all[i].enqueued), grouped(all[i].Completed), grouped(all[i].Retried), grouped(all[i].Failed))
	}
	c.Summary = fmt.Sprintf("%s enqueued; %s completed, %s retried and %s failed", grouped(enqueued), grouped(total.Completed), grouped(total.Retried), grouped(total.Failed))
	return c
}

// roundUp returns 1, 2 or 5 times a power of ten.
func roundUp(n int64) int64 {
	for unit := int64(1); ; unit *= 10 {
		for _, times := range []int64{1, 2, 5} {
			if unit*times >= n {
				return unit * times
			}
		}
	}
}

// compact writes a number in few letters.
func compact(n int64) string {
	switch {
	case n < 10_000:
		return grouped(n)
	case n < 10_000_000:
		return strconv.FormatInt(n/1000, 10) + "k"
	}
	return strconv.FormatInt(n/1_000_000, 10) + "M"
}

// latency draws percentiles on a logarithmic scale.
func latency(title string, all []column, total *broker.Histogram, of func(*column) *broker.Histogram) chart {
	c := newChart(title, all)
	scale := newLogScale(all, of)
	for _, d := range scale.marks() {
		y := scale.y(d)
		c.Grid = append(c.Grid, mark{Y: y, Text: textAt(y), Name: span(d)})
	}
	for _, q := range []struct {
		class string
		q     float64
	}{{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}} {
		d := steps(all, func(col *column) (float64, bool) {
			h := of(col)
			return scale.y(h.Quantile(q.q)), h.Count() > 0
		})
		c.Paths = append(c.Paths, stroke{q.class, q.class, orDash(total, q.q), d})
	}
	for i := range all {
		h := of(&all[i])
		c.Slots[i].Text += fmt.Sprintf("p50 %s, p95 %s, p99 %s of %s", orDash(h, 0.5), orDash(h, 0.95), orDash(h, 0.99), grouped(h.Count()))
	}
	c.Summary = fmt.Sprintf("p50 %s, p95 %s, p99 %s", orDash(total, 0.5), orDash(total, 0.95), orDash(total, 0.99))
	return c
}

func orDash(h *broker.Histogram, q float64) string {
	if h.Count() == 0 {
		return "–"
	}
	return span(h.Quantile(q))
}

// steps draws a line that holds its level for each slot, and breaks where nothing
// was recorded.
func steps(all []column, level func(*column) (float64, bool)) string {
	var d strings.Builder
	drawing := false
	for i := range all {
		y, some := level(&all[i])
		switch {
		case !some:
		case drawing:
			fmt.Fprintf(&d, "V%.1fh%d", y, slotWidth)
		default:
			fmt.Fprintf(&d, "M%d %.1fh%d", i*slotWidth, y, slotWidth)
		}
		drawing = some
	}
	return d.String()
}

// logScale maps durations to heights, in whole powers of ten.
type logScale struct{ low, high float64 }

func newLogScale(all []column, of func(*column) *broker.Histogram) logScale {
	low, high := math.Inf(1), math.Inf(-1)
	for i := range all {
		if h := of(&all[i]); h.Count() > 0 {
			low = min(low, logOf(h.Quantile(0.5)))
			high = max(high, logOf(h.Quantile(0.99)))
		}
	}
	if low > high {
		low, high = logOf(time.Millisecond), logOf(time.Second)
	}
	low, high = math.Floor(low), math.Ceil(high)
	return logScale{low, max(high, low+1)}
}

func logOf(d time.Duration) float64 { return math.Log10(float64(max(d, time.Microsecond))) }

func (s logScale) y(d time.Duration) float64 {
	part := (logOf(d) - s.low) / (s.high - s.low)
	return chartHeight - min(max(part, 0), 1)*(chartHeight-1)
}

func (s logScale) marks() []time.Duration {
	every := math.Ceil((s.high - s.low) / 4)
	var all []time.Duration
	for at := s.low; at <= s.high; at += every {
		all = append(all, time.Duration(math.Pow(10, at)))
	}
	return all
}

func newChart(title string, all []column) chart {
	c := chart{Title: title, Width: len(all) * slotWidth, Height: chartHeight, Slots: make([]slot, len(all))}
	for i, col := range all {
		c.Slots[i] = slot{X: i * slotWidth, Text: col.at.UTC().Format("15:04") + "–" + col.last.UTC().Format("15:04") + ": "}
	}
	if len(all) > 0 {
		c.From, c.To = all[0].at.UTC().Format("15:04"), all[len(all)-1].last.UTC().Format("15:04 UTC")
	}
	return c
}

// textAt is where the label of a line stands: just below it, or above the lowest.
func textAt(y float64) float64 { return min(y+10, chartHeight-2) }

// spark draws what was completed, and what failed, in the size of a word.
func spark(all []column) chart {
	c := chart{Width: len(all) * slotWidth, Height: 20, Summary: "attempts ended"}
	var highest int64 = 1
	for i := range all {
		highest = max(highest, all[i].Completed, all[i].Failed+all[i].Retried)
	}
	draw := func(class string, of func(*column) int64) {
		d := steps(all, func(col *column) (float64, bool) {
			n := of(col)
			return 19 - 18*float64(n)/float64(highest), n > 0
		})
		c.Paths = append(c.Paths, stroke{Class: class, D: d})
	}
	draw("completed", func(c *column) int64 { return c.Completed })
	draw("failed", func(c *column) int64 { return c.Failed + c.Retried })
	return c
}
