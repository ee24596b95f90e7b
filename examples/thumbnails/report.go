package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// report is what the program ends with.
type report struct {
	rows []row
	out  string
	took time.Duration
	opts options
}

func (r report) count(result string) (n int) {
	for _, row := range r.rows {
		if row.result() == result {
			n++
		}
	}
	return n
}

func (r report) left() int { return r.count(resultLeft) }

// err is nil unless a picture failed that was not meant to.
func (r report) err() error {
	unplanned := 0
	for _, row := range r.rows {
		if row.result() == resultFailed && row.picture.fault != truncated {
			unplanned++
		}
	}
	if unplanned > 0 {
		return fmt.Errorf("%d of %d pictures failed", unplanned, len(r.rows))
	}
	return nil
}

// print writes a table, with what needs a look at its end, and a summary.
func (r report) print(w io.Writer) {
	order := []string{resultOK, resultLeft, resultRetried, resultFailed}
	slices.SortStableFunc(r.rows, func(a, b row) int {
		return cmp.Compare(slices.Index(order, a.result()), slices.Index(order, b.result()))
	})
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RESULT\tATTEMPTS\tTIME\tBEFORE\tAFTER\tPICTURE")
	for _, row := range r.rows {
		before, after := row.sizes()
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\n", row.result(), row.ended.Attempt, row.took(), before, after, row.title())
	}
	table.Flush()
	r.printSummary(w)
}

func (r report) printSummary(w io.Writer) {
	fmt.Fprintf(w, "\n%d pictures in %s, %d at a time: %d ok, %d retried, %d failed",
		len(r.rows), r.took.Round(time.Millisecond), r.opts.concurrency, r.count(resultOK), r.count(resultRetried), r.count(resultFailed))
	if n := r.left(); n > 0 {
		fmt.Fprintf(w, ", %d left", n)
	}
	fmt.Fprintln(w, ".")
	if r.opts.faults {
		fmt.Fprintln(w, "The truncated picture and the outage are there on purpose; -faults=false leaves them out.")
	}
	fmt.Fprintln(w, "The thumbnails are in", r.out)
}
