package admin_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

func raisePriority(f *feature) {
	first, second := f.task("first"), f.task("second")
	f.enqueue(first, second)
	f.must(f.admin.SetPriority(f.Context(), second, task.HighPriority))
	ran := make(chan string, 2)
	f.serveOn(f.broker, jobsy.ServerOptions{Concurrency: 1}, func(s *jobsy.Server) {
		s.HandleFunc("work", func(_ context.Context, t *task.Task) error { ran <- string(t.Payload); return nil })
	})
	if got := []string{receive(f, ran), receive(f, ran)}; got[0] != "second" || got[1] != "first" {
		f.Errorf("ran %q", got)
	}
}

func TestSetPayloadOfTooMuch(t *testing.T) {
	t.Parallel()
	b, work := memory.New(nil), task.New("work", nil)
	if err := jobsy.NewClient(b, nil).Enqueue(t.Context(), work); err != nil {
		t.Fatal(err)
	}
	operator := admin.New(b, &admin.Options{MaxPayload: 2})
	if err := operator.SetPayload(t.Context(), work, []byte("abc")); !errors.Is(err, task.ErrInvalid) {
		t.Errorf("error %v, want an invalid field", err)
	}
	if err := operator.SetPayload(t.Context(), work, []byte("ab")); err != nil {
		t.Error(err)
	}
}

// A waiting task can be moved to the front.
func ExampleClient_SetPriority() {
	ctx, cancel := context.WithCancel(context.Background())
	b := memory.New(nil)
	server := jobsy.NewServer(b, &jobsy.ServerOptions{Concurrency: 1})
	left := 2
	server.HandleFunc("work", func(_ context.Context, t *task.Task) error {
		fmt.Println(string(t.Payload))
		if left--; left == 0 {
			cancel()
		}
		return nil
	})
	first, second := task.New("work", []byte("first")), task.New("work", []byte("second"))
	_ = server.Client().Enqueue(ctx, first, second)
	_ = admin.New(b, nil).SetPriority(ctx, second, task.HighPriority)
	_ = server.Run(ctx)
	// Output:
	// second
	// first
}
