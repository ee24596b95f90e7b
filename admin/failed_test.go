package admin_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

func deadLetters(f *feature) {
	f.serve(func(s *jobsy.Server) {
		s.HandleFunc("work", func(_ context.Context, t *task.Task) error {
			if string(t.Payload) == "edited" {
				return nil
			}
			return fmt.Errorf("order %s of \"%s\": connection 0x%x refused\nby %s", uuid.New(), t.ID, t.Token, t.Worker)
		})
		s.HandleFunc("other", func(context.Context, *task.Task) error { return errors.New("no disk") })
	})
	other := f.task("")
	other.Name = "other"
	tasks := []*task.Task{f.task("1"), f.task("2"), f.task("3"), other}
	f.enqueue(tasks...)
	for _, t := range tasks {
		f.wait(t, task.StatusFailed)
	}
	groups, err := f.admin.FailedGroups(f.Context(), f.queue)
	if err != nil || len(groups) != 2 {
		f.Fatalf("groups %+v, %v", groups, err)
	}
	g := groups[0]
	if g.Name != "work" || g.Count != 3 || groups[1].Count != 1 || g.First.After(g.Last) || g.Example == nil || g.Queue != f.queue {
		f.Errorf("groups %+v", groups)
	}
	for _, t := range tasks[:3] {
		f.must(f.admin.SetPayload(f.Context(), t, []byte("edited")))
	}
	if _, err := f.admin.RetryFailed(f.Context(), g, -1); !errors.Is(err, task.ErrInvalid) {
		f.Errorf("a negative pace: %v", err)
	}
	if n, err := f.admin.RetryFailed(f.Context(), g, 20); n != 3 || err != nil {
		f.Errorf("retried %d, %v", n, err)
	}
	var starts []time.Time
	for _, t := range tasks[:3] {
		starts = append(starts, f.wait(t, task.StatusCompleted).StartedAt)
	}
	slices.SortFunc(starts, time.Time.Compare)
	if took := starts[2].Sub(starts[0]); took < 90*time.Millisecond {
		f.Errorf("three at 20 a second started within %s", took)
	}
	if n, err := f.admin.DeleteFailed(f.Context(), admin.FailedGroup{Queue: f.queue}); n != 1 || err != nil {
		f.Errorf("deleted %d, %v", n, err)
	}
	if groups, err = f.admin.FailedGroups(f.Context(), f.queue); err != nil || len(groups) != 0 {
		f.Errorf("left %+v, %v", groups, err)
	}
}

func TestRetryFailedKeepsItsPaceOverBatches(t *testing.T) {
	const n = 2*broker.MaxBatch + 2
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		var starts []time.Time
		mended := false
		server := jobsy.NewServer(b, &jobsy.ServerOptions{Concurrency: 1})
		server.HandleFunc("work", func(_ context.Context, t *task.Task) error {
			if !mended {
				return fmt.Errorf("row %s is bad", t.ID)
			}
			starts = append(starts, t.StartedAt)
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		tasks := make([]*task.Task, n)
		for i := range tasks {
			tasks[i] = task.New("work", nil)
			tasks[i].MaxRetry = -1
		}
		if err := server.Client().Enqueue(t.Context(), tasks...); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		operator := admin.New(b, nil)
		groups, err := operator.FailedGroups(t.Context(), "")
		if err != nil || len(groups) != 1 || groups[0].Count != n || groups[0].Fingerprint != "row … is bad" {
			t.Fatalf("groups %+v, %v", groups, err)
		}
		mended = true
		if retried, err := operator.RetryFailed(t.Context(), groups[0], 10); retried != n || err != nil {
			t.Errorf("retried %d, %v", retried, err)
		}
		pass(time.Hour)
		if len(starts) != n {
			t.Fatalf("%d of %d ran again", len(starts), n)
		}
		slices.SortFunc(starts, time.Time.Compare)
		for i := 1; i < n; i++ {
			if gap := starts[i].Sub(starts[i-1]); gap < 99*time.Millisecond || gap > 101*time.Millisecond {
				t.Fatalf("the %dth came %s after the one before, want 100ms", i, gap)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func pass(d time.Duration) {
	<-time.After(d) // inside a bubble: fake time
	synctest.Wait()
}

// Failed tasks are looked at by what went wrong, mended, and run again.
func ExampleClient_FailedGroups() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b := memory.New(nil)
	server, operator := jobsy.NewServer(b, nil), admin.New(b, nil)
	mended := make(chan bool)
	server.HandleFunc("charge", func(_ context.Context, t *task.Task) error {
		select {
		case <-mended:
			return nil
		default:
			return fmt.Errorf("order %s: connection refused", t.Payload)
		}
	})
	go server.Run(ctx)

	client := server.Client()
	var tasks []*task.Task
	for order := range 3 {
		t := task.New("charge", fmt.Append(nil, 1000+order))
		t.MaxRetry, t.Retention = -1, time.Minute
		tasks = append(tasks, t)
	}
	_ = client.Enqueue(ctx, tasks...)
	for _, t := range tasks {
		_, _ = client.Wait(ctx, t)
	}
	groups, _ := operator.FailedGroups(ctx, "default")
	for _, g := range groups {
		fmt.Println(g.Count, g.Name, g.Fingerprint)
	}
	close(mended)
	fmt.Println(operator.RetryFailed(ctx, groups[0], 100))
	for _, t := range tasks {
		ended, err := client.Wait(ctx, t)
		fmt.Println(ended.Status, err)
	}
	// Output:
	// 3 charge order …: connection refused
	// 3 <nil>
	// completed <nil>
	// completed <nil>
	// completed <nil>
}
