package jobsy

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nex-gen-tech/jobsy/internal/engine"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	// MaxResult is the most bytes that a result may have: 1 MiB.
	MaxResult = 1 << 20
	// maxProgressText bounds what is said of a task's progress.
	maxProgressText = 256
)

var errNoTask = &task.FieldError{Field: "ctx", Rule: "must be that of a handler"}

// FromContext returns the task that a handler is running: its own copy, the
// same that a Handler gets as an argument. It is nil outside of a handler.
func FromContext(ctx context.Context) *task.Task { return engine.TaskOf(ctx) }

// SetResult leaves a result for those who wait for the task that runs in ctx. It
// counts if the handler then returns nil. The last one set stands. The task then
// stays readable for a minute, or for its Retention if that is longer. The error
// is a *task.FieldError for one that is larger than MaxResult.
func SetResult(ctx context.Context, result []byte) error {
	if len(result) > MaxResult {
		return &task.FieldError{Field: "result", Rule: "must be at most " + strconv.Itoa(MaxResult) + " bytes", Value: strconv.Itoa(len(result))}
	}
	if !engine.SetResult(ctx, append([]byte{}, result...)) {
		return errNoTask
	}
	return nil
}

// Progress reports how far the task that runs in ctx is: a fraction from 0 to 1,
// and a text, which is cut to 256 bytes. It never blocks: the latest report goes
// out with the server's heartbeat, at most once a second, and Client.Get shows it.
// The error is a *task.FieldError for a bad fraction, or the cause of ctx's end.
func Progress(ctx context.Context, fraction float64, text string) error {
	switch {
	case FromContext(ctx) == nil:
		return errNoTask
	case math.IsNaN(fraction) || fraction < 0 || fraction > 1:
		return &task.FieldError{Field: "fraction", Rule: "must be 0 to 1", Value: fmt.Sprint(fraction)}
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	engine.SetProgress(ctx, task.Progress{Fraction: fraction, Text: clip(text, maxProgressText), At: time.Now().Round(0)})
	return nil
}

// clip cuts a text to at most that many bytes of valid UTF-8.
func clip(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= most {
		return text
	}
	for !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
