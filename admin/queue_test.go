package admin_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

func pauseAndResume(f *feature) {
	f.must(f.admin.Pause(f.Context(), f.queue))
	ran := make(chan bool, 1)
	f.serve(func(s *jobsy.Server) {
		s.HandleFunc("work", func(context.Context, *task.Task) error { ran <- true; return nil })
	})
	sent := f.enqueue(f.task(""))
	info, err := f.admin.Queue(f.Context(), f.queue)
	if err != nil || !info.Paused {
		f.Errorf("queue %+v, %v", info, err)
	}
	f.get(sent, task.StatusPending)
	if len(ran) > 0 {
		f.Error("it ran while its queue was paused")
	}
	f.must(f.admin.Resume(f.Context(), f.queue))
	f.wait(sent, task.StatusCompleted)
}

func listQueues(f *feature) {
	f.enqueue(f.task("a"), f.task("b"))
	queues, err := f.admin.Queues(f.Context())
	if err != nil || !slices.Contains(queues, f.queue) {
		f.Errorf("queues %q, %v", queues, err)
	}
	counts, err := f.admin.Counts(f.Context(), f.queue)
	if err != nil || len(counts) != 1 || counts[task.StatusPending] != 2 {
		f.Errorf("counts %v, %v, want 2 pending", counts, err)
	}
}

// A paused queue takes tasks, but hands out none.
func ExampleClient_Pause() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b := memory.New(nil)
	server := jobsy.NewServer(b, nil)
	server.HandleFunc("mail", func(context.Context, *task.Task) error { fmt.Println("sent"); return nil })
	client, operator := server.Client(), admin.New(b, nil)
	_ = operator.Pause(ctx, "default")
	go server.Run(ctx)

	t := task.New("mail", nil)
	t.Retention = time.Minute
	_ = client.Enqueue(ctx, t)
	fmt.Println("the mail provider is back")
	_ = operator.Resume(ctx, "default")
	_, _ = client.Wait(ctx, t)
	// Output:
	// the mail provider is back
	// sent
}
