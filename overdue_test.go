package jobsy_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/task"
)

// stubbornHandler ignores its context until it is let go.
func stubbornHandler(release chan struct{}) jobsy.Handler {
	return func(context.Context, *task.Task) error {
		<-release
		return nil
	}
}

// A handler that outlives its timeout is told of while it runs: with its stack, in
// the server's report, and, once it leaves no slot, by Healthy.
func TestAnOverdueHandlerIsToldOf(t *testing.T) {
	book := &logBook{}
	var release chan struct{}
	inBubble(t, &jobsy.ServerOptions{Concurrency: 2, Logger: book.logger()}, func(s *jobsy.Server) {
		release = make(chan struct{})
		s.HandleFunc("stubborn", stubbornHandler(release))
		s.HandleFunc("slow", func(ctx context.Context, _ *task.Task) error { time.Sleep(2 * time.Minute); return nil })
	}, func(r *rig) {
		r.enqueue(stubbornTask(time.Second))
		r.enqueue(task.New("slow", nil)) // within its time
		pass(30 * time.Second)
		if n := strings.Count(book.String(), "goes on although its context has ended"); n != 1 {
			r.t.Errorf("P5: told %d times in half a minute, want once:\n%s", n, book)
		}
		if !strings.Contains(book.String(), "stubbornHandler") || !strings.Contains(book.String(), "attempt timed out") {
			r.t.Errorf("P5: neither its stack nor the cause is told:\n%s", book)
		}
		servers, err := admin.New(r.broker, nil).Servers(r.t.Context())
		if err != nil || len(servers) != 1 || servers[0].Overdue != 1 || !servers[0].Running[0].Overdue || servers[0].Running[1].Overdue {
			r.t.Errorf("the server reports %+v, %v", servers, err)
		}
		if err := r.server.Healthy(); err != nil {
			r.t.Errorf("with a slot left: %v", err)
		}
		pass(time.Minute)
		if n := strings.Count(book.String(), "goes on although its context has ended"); n != 2 {
			r.t.Errorf("P5: told %d times in 90 seconds, want twice", n)
		}
		pass(time.Minute)
		r.enqueue(stubbornTask(time.Second)) // in place of the slow one
		pass(time.Minute)
		if err := r.server.Healthy(); err == nil || !strings.Contains(err.Error(), "all 2 handlers") {
			r.t.Errorf("P5: all slots are stuck, and the server says %v", err)
		}
		close(release)
		pass(10 * time.Second)
		if err := r.server.Healthy(); err != nil {
			r.t.Errorf("afterwards: %v", err)
		}
	})
}

func stubbornTask(timeout time.Duration) *task.Task {
	t := task.New("stubborn", nil)
	t.Timeout = timeout
	return t
}

// One that was cancelled and goes on is overdue too, one that obeys is not.
func TestACancelledHandlerIsOverdue(t *testing.T) {
	var release chan struct{}
	inBubble(t, nil, func(s *jobsy.Server) {
		release = make(chan struct{})
		s.HandleFunc("stubborn", stubbornHandler(release))
		s.HandleFunc("obeys", func(ctx context.Context, _ *task.Task) error { <-ctx.Done(); return ctx.Err() })
	}, func(r *rig) {
		work, obeys := r.enqueue(stubbornTask(-1)), r.enqueue(task.New("obeys", nil))
		pass(time.Minute)
		if err := r.client.Cancel(r.t.Context(), work, obeys); err != nil {
			r.t.Fatal(err)
		}
		pass(time.Minute)
		servers, err := admin.New(r.broker, nil).Servers(r.t.Context())
		if err != nil || len(servers) != 1 || servers[0].Overdue != 1 {
			r.t.Errorf("the server reports %+v, %v, want one overdue", servers, err)
		}
		close(release)
	})
}
