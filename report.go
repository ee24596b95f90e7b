package jobsy

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nex-gen-tech/jobsy/task"
)

const (
	// MaxResult is the most bytes that a result may have: 1 MiB.
	MaxResult = 1 << 20
	// maxProgressText bounds what is said of a task's progress.
	maxProgressText = 256
)

var errNoTask = &task.FieldError{Field: "ctx", Rule: "must be that of a handler"}

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
	own := append([]byte{}, result...)
	c.report(func(r *reports) { r.result = own })
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
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	progress := task.Progress{Fraction: fraction, Text: clip(text, maxProgressText), At: time.Now().Round(0)}
	c.report(func(r *reports) { r.progress, r.unsent = progress, true })
	c.keeper.hear()
	return nil
}

// reports are what a handler has said of its task.
type reports struct {
	progress task.Progress
	unsent   bool   // the progress has not been sent yet
	result   []byte // nil: none
}

// report makes a change of the reports.
func (c *attemptContext) report(change func(*reports)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reports == nil {
		c.reports = &reports{}
	}
	change(c.reports)
}

// unsent returns the progress that has not been sent yet, or nil.
func (c *attemptContext) unsent() *task.Progress {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reports == nil || !c.reports.unsent {
		return nil
	}
	p := c.reports.progress
	return &p
}

// sent notes that a progress has been sent. A later one has still to be.
func (c *attemptContext) sent(p *task.Progress) {
	c.report(func(r *reports) { r.unsent = r.progress != *p })
}

func (c *attemptContext) progress() (p task.Progress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reports != nil {
		p = c.reports.progress
	}
	return p
}

func (c *attemptContext) result() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reports == nil {
		return nil
	}
	return c.reports.result
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
