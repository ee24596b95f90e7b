package engine

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

const (
	// hooksAtOnce is how many calls of a user's callback run at once.
	hooksAtOnce = 10
	// hooksWaiting is how many may wait beside those. Beyond, they are dropped.
	hooksWaiting = 1000
)

// hooks call OnFailed, apart from all else: it may block, panic or end its
// goroutine, and costs nobody anything but the calls that wait behind it.
type hooks struct {
	onFailed func(ctx context.Context, t *task.Task, err error)
	log      *slog.Logger
	ctx      context.Context // of every call
	stop     context.CancelCauseFunc

	mu      sync.Mutex
	waiting []failure
	free    int // of hooksAtOnce
	dropped int // since the last that was not
	closed  bool
	idle    chan struct{} // closed once the last call has returned; nil: nobody waits for that
}

// failure is one call.
type failure struct {
	task *task.Task
	err  error
}

func newHooks(ctx context.Context, onFailed func(context.Context, *task.Task, error), log *slog.Logger) *hooks {
	h := &hooks{onFailed: onFailed, log: log, free: hooksAtOnce}
	h.ctx, h.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	return h
}

// failed has a task told of that has ended as failed. It does not block.
func (h *hooks) failed(t *task.Task, err error) {
	if h.onFailed == nil {
		return
	}
	own := t.Clone()
	own.Status = task.StatusFailed
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed: // told by a call that was left behind
	case h.free > 0:
		h.free--
		go h.run(failure{own, err})
	case len(h.waiting) < hooksWaiting:
		h.waiting = append(h.waiting, failure{own, err})
	default:
		if h.dropped++; h.dropped == 1 {
			h.log.Error("OnFailed does not keep up; calls of it are dropped", "running", hooksAtOnce, "waiting", hooksWaiting)
		}
	}
}

// run makes calls as long as there are any.
func (h *hooks) run(f failure) {
	for more := true; more; f, more = h.next() {
		if err := guarded(func() { h.onFailed(h.ctx, f.task, f.err) }); err != nil {
			h.log.Error("OnFailed did not return", "task", f.task.ID, "error", err)
		}
	}
}

func (h *hooks) next() (f failure, more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.waiting) > 0 {
		f, h.waiting = h.waiting[0], h.waiting[1:]
		return f, true
	}
	if h.dropped > 0 {
		h.log.Error("OnFailed keeps up again", "dropped", h.dropped)
		h.dropped = 0
	}
	h.free++
	if h.free == hooksAtOnce && h.idle != nil {
		close(h.idle)
	}
	return failure{}, false
}

// close waits for the calls, then ends their context, and returns an error if
// some go on all the same.
func (h *hooks) close(timeout time.Duration) error {
	idle := make(chan struct{})
	h.mu.Lock()
	h.closed = true
	if h.free == hooksAtOnce {
		close(idle)
	} else {
		h.idle = idle
	}
	h.mu.Unlock()
	ended := within(timeout, idle)
	h.stop(task.ErrShutdown)
	if ended || within(grace, idle) {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	left := hooksAtOnce - h.free + len(h.waiting)
	h.waiting = nil
	return fmt.Errorf("calls of OnFailed that ignored their cancelled context were left behind: %d", left)
}
