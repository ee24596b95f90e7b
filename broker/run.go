package broker

import (
	"strings"

	"github.com/nex-gen-tech/jobsy/task"
)

// Bounds of what is kept of each attempt.
const (
	maxHistory  = 10
	maxRunError = 1 << 10
	maxRunStack = 4 << 10
)

// AddRun adds an attempt to the task's history, which keeps the last ten. It cuts
// what is too long.
func AddRun(t *task.Task, r task.Run) {
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
