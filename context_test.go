package jobsy_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

// A context that is first looked at once its handler has returned has ended.
func TestAContextEndsWithItsHandler(t *testing.T) {
	var kept context.Context
	inBubble(t, nil, func(s *jobsy.Server) {
		s.HandleFunc("work", func(ctx context.Context, _ *task.Task) error { kept = ctx; return nil })
	}, func(r *rig) {
		r.want(r.enqueue(task.New("work", nil)), task.StatusCompleted, 1)
		if kept.Err() != context.Canceled {
			r.t.Errorf("after its handler has returned its context says %v", kept.Err())
		}
		<-kept.Done()
		if err := jobsy.Progress(kept, 0.5, ""); err == nil {
			r.t.Error("progress was reported after the end")
		}
	})
}

// Values of Run's context reach handlers; its end does not, before the server
// has run out of time.
func TestValuesOfRunReachHandlers(t *testing.T) {
	t.Parallel()
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		server := jobsy.NewServer(nil, nil)
		ctx, stop := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
		server.HandleFunc("work", func(ctx context.Context, _ *task.Task) error {
			stop()
			time.Sleep(time.Second)
			if ctx.Value(key{}) != "value" || ctx.Err() != nil {
				t.Errorf("the handler's context has %v, and says %v", ctx.Value(key{}), ctx.Err())
			}
			return nil
		})
		if err := server.Client().Enqueue(ctx, task.New("work", nil)); err != nil {
			t.Fatal(err)
		}
		if err := server.Run(ctx); err != nil {
			t.Error(err)
		}
	})
}

// Who asks a moment after the end still gets the result, without a Retention.
func TestAResultOutlivesItsTask(t *testing.T) {
	double := task.Kind[int]{Name: "double"}
	inBubble(t, nil, func(s *jobsy.Server) {
		jobsy.HandleResult(s, double, func(_ context.Context, n int) (int, error) { return 2 * n, nil })
	}, func(r *rig) {
		work := double.New(21)
		if err := r.client.Enqueue(r.t.Context(), work); err != nil {
			r.t.Fatal(err)
		}
		pass(59 * time.Second)
		if got, err := jobsy.WaitResult[int](r.t.Context(), r.client, work); err != nil || got != 42 {
			r.t.Errorf("59 seconds later: %d, %v", got, err)
		}
		pass(2 * time.Minute)
		if _, err := r.client.Get(r.t.Context(), work); err == nil {
			r.t.Error("P9: it is kept for ever")
		}
	})
}
