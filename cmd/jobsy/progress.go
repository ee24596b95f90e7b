package main

import (
	"fmt"
	"strings"
	"time"
)

const (
	barWidth = 30
	barPause = 100 * time.Millisecond // between two drawings
)

// bar shows on a terminal how far something is. Elsewhere it shows nothing.
type bar struct {
	app   *app
	what  string
	total int
	drawn time.Time
}

func (a *app) newBar(what string, total int) *bar { return &bar{app: a, what: what, total: total} }

// at draws how much is done.
func (b *bar) at(done int) {
	if !b.app.moving || time.Since(b.drawn) < barPause {
		return
	}
	b.drawn = time.Now()
	b.total = max(b.total, done, 1)
	filled := done * barWidth / b.total
	fmt.Fprintf(b.app.err, "\r%s [%s%s] %s of %s ", b.what,
		strings.Repeat("█", filled), strings.Repeat("░", barWidth-filled), numbered(done), numbered(b.total))
}

// note shows on a terminal that something takes its time, until clear is called.
func (a *app) note(text string) (clear func()) {
	if !a.moving {
		return func() {}
	}
	fmt.Fprint(a.err, text)
	return func() { fmt.Fprint(a.err, "\r\x1b[K") }
}

// end clears the line.
func (b *bar) end() {
	if !b.drawn.IsZero() {
		fmt.Fprint(b.app.err, "\r\x1b[K")
	}
}
