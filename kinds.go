package jobsy

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nex-gen-tech/jobsy/task"
)

// Handle registers a handler that gets its arguments decoded. Arguments that
// cannot be decoded fail the attempt: after a rolling deployment, the next
// worker may understand them.
//
// The kind's Backoff, if it has one, goes before that of the server.
func Handle[Args any](s *Server, k task.Kind[Args], fn func(ctx context.Context, args Args) error) {
	s.setBackoff(k.Name, k.Backoff)
	if fn == nil {
		s.HandleFunc(k.Name, nil)
		return
	}
	s.HandleFunc(k.Name, func(ctx context.Context, t *task.Task) error {
		args, err := k.Args(t)
		if err != nil {
			return err
		}
		return fn(ctx, args)
	})
}

// HandleGroup registers a handler for tasks of a kind with a Gather: it gets the
// arguments of all that were gathered, in the order in which they were enqueued.
// They are retried and end together. A task that is not gathered is a group of
// one.
func HandleGroup[Args any](s *Server, k task.Kind[Args], fn func(ctx context.Context, args []Args) error) {
	s.setBackoff(k.Name, k.Backoff)
	if fn == nil {
		s.HandleFunc(k.Name, nil)
		return
	}
	s.HandleFunc(k.Name, func(ctx context.Context, t *task.Task) error {
		all := make([]Args, 0, 1+len(t.Members))
		for _, one := range append([]*task.Task{t}, t.Members...) {
			args, err := k.Args(one)
			if err != nil {
				return err
			}
			all = append(all, args)
		}
		return fn(ctx, all)
	})
}

// HandleResult is Handle for a handler with a result, which is kept as JSON with
// the completed task, for a minute or for its Retention if that is longer, and
// which WaitResult returns. A result that cannot be encoded, or is larger than
// MaxResult, fails the task for good.
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
