package jobsy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

const (
	// MaxResult is the most bytes that a result may have: 1 MiB.
	MaxResult = 1 << 20
	// maxProgressText bounds what is said of a task's progress.
	maxProgressText = 256
)

var errNoTask = errors.New("context is not that of a handler")

// SetResult leaves a result for those who wait for the task that runs in ctx. It
// counts if the handler then returns nil. The last one set stands. The error is
// a *task.FieldError for one that is larger than MaxResult.
func SetResult(ctx context.Context, result []byte) error {
	c, ok := ctx.Value(attemptKey{}).(*attemptContext)
	if !ok {
		return errNoTask
	}
	if len(result) > MaxResult {
		return &task.FieldError{Field: "result", Rule: "must be at most " + strconv.Itoa(MaxResult) + " bytes", Value: strconv.Itoa(len(result))}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.result = append([]byte{}, result...)
	return nil
}

// HandleResult is Handle for a handler with a result, which is kept as JSON with
// the completed task, and which WaitResult returns. A result that cannot be
// encoded, or is larger than MaxResult, fails the task for good.
func HandleResult[Args, Result any](s *Server, k task.Kind[Args], fn func(ctx context.Context, args Args) (Result, error)) {
	if fn == nil {
		Handle[Args](s, k, nil)
		return
	}
	Handle(s, k, func(ctx context.Context, args Args) error {
		result, err := fn(ctx, args)
		if err != nil {
			return err
		}
		encoded, err := json.Marshal(result)
		if err != nil {
			return SkipRetry(fmt.Errorf("encode result of %s: %w", k.Name, err))
		}
		if err := SetResult(ctx, encoded); err != nil {
			return SkipRetry(err)
		}
		return nil
	})
}

// Progress reports how far the task that runs in ctx is: a fraction from 0 to 1,
// and a text, which is cut to 256 bytes. It never blocks: the latest report goes
// out with the server's heartbeat, at most once a second, and Client.Get shows it.
// The error is a *task.FieldError for a bad fraction, or the cause of ctx's end.
func Progress(ctx context.Context, fraction float64, text string) error {
	c, ok := ctx.Value(attemptKey{}).(*attemptContext)
	switch {
	case !ok:
		return errNoTask
	case math.IsNaN(fraction) || fraction < 0 || fraction > 1:
		return &task.FieldError{Field: "fraction", Rule: "must be 0 to 1", Value: fmt.Sprint(fraction)}
	case c.Err() != nil:
		return context.Cause(c)
	}
	c.mu.Lock()
	c.progress = task.Progress{Fraction: fraction, Text: task.Cut(text, maxProgressText), At: time.Now().Round(0)}
	c.unsent = true
	c.mu.Unlock()
	c.reported()
	return nil
}

// report returns the progress that has not been sent yet, or nil.
func (c *attemptContext) report() *task.Progress {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.unsent {
		return nil
	}
	c.unsent = false
	p := c.progress
	return &p
}

func (c *attemptContext) hasReport() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unsent
}

// left returns what the handler has left for the record.
func (c *attemptContext) left() (task.Progress, []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.progress, c.result
}
