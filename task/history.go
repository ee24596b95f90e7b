package task

import (
	"strings"
	"time"
)

// Bounds of what is kept of each attempt.
const (
	maxHistory  = 10
	maxRunError = 1 << 10
	maxRunStack = 4 << 10
)

// Run is one attempt of a task that has been answered for.
type Run struct {
	Attempt   int       // 1 is the first
	StartedAt time.Time // by the broker's clock
	EndedAt   time.Time // by the broker's clock
	Worker    string    // the server that ran it
	Error     string    // cut to 1 KiB; empty: the handler returned nil
	Stack     string    // of a panic, cut to 4 KiB
}

// Record adds an attempt to the task's history, which keeps the last ten. Servers
// call it; it cuts what is too long.
func (t *Task) Record(r Run) {
	r.Error, r.Stack = Cut(r.Error, maxRunError), Cut(r.Stack, maxRunStack)
	if n := len(t.History) - maxHistory + 1; n > 0 {
		t.History = t.History[n:]
	}
	t.History = append(t.History, r)
}

// Cut bounds a text to a number of bytes and makes it valid UTF-8.
func Cut(text string, most int) string {
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// Progress is how far a running task says it is.
type Progress struct {
	Fraction float64   // 0 to 1
	Text     string    // at most 256 bytes
	At       time.Time // when it was reported, by the worker's clock; zero: never
}
