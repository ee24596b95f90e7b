package jobsy_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// More than one page and one batch, in two queues and with two retentions.
func TestClientSplitsWhatItRevises(t *testing.T) {
	t.Parallel()
	b := memory.New(nil)
	client := jobsy.NewClient(b, nil)
	tasks := make([]*task.Task, 2*broker.MaxBatch+4)
	for i := range tasks {
		tasks[i] = task.New("work", nil)
		tasks[i].Queue = []string{"a", "b"}[i%2]
		tasks[i].Retention = time.Duration(i%3) * 30 * 24 * time.Hour
	}
	if err := errors.Join(client.Enqueue(t.Context(), tasks...), client.Cancel(t.Context(), tasks...)); err != nil {
		t.Fatal(err)
	}
	for _, queue := range []string{"a", "b"} {
		if counts, _ := b.Counts(t.Context(), queue); counts[task.StatusCancelled] != len(tasks)/2 {
			t.Errorf("queue %s has %v, want %d cancelled", queue, counts, len(tasks)/2)
		}
	}
	tasks[7] = task.New("work", nil)
	err := client.Delete(t.Context(), tasks...)
	var batch *jobsy.BatchError
	if !errors.As(err, &batch) || len(batch.Errs) != len(tasks) || len(batch.Unwrap()) != 1 || !errors.Is(batch.Errs[7], task.ErrNotFound) {
		t.Errorf("deleting with an unknown one among them: %v", err)
	}
	if want := fmt.Sprintf("1 of %d tasks gave an error; task 8: task not found", len(tasks)); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestRetryFailedKeepsItsPaceOverBatches(t *testing.T) {
	const n = 2*broker.MaxBatch + 2
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		var starts []time.Time
		mended := false
		r := start(t, b, b, &jobsy.ServerOptions{Concurrency: 1}, func(s *jobsy.Server) {
			s.HandleFunc("work", func(_ context.Context, t *task.Task) error {
				if !mended {
					return fmt.Errorf("row %s is bad", t.ID)
				}
				starts = append(starts, t.StartedAt)
				return nil
			})
		})
		defer r.stop()
		tasks := make([]*task.Task, n)
		for i := range tasks {
			tasks[i] = task.New("work", nil)
			tasks[i].MaxRetry = -1
		}
		if err := r.client.Enqueue(t.Context(), tasks...); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		groups, err := r.client.FailedGroups(t.Context(), "")
		if err != nil || len(groups) != 1 || groups[0].Count != n || groups[0].Fingerprint != "row … is bad" {
			t.Fatalf("groups %+v, %v", groups, err)
		}
		mended = true
		if retried, err := r.client.RetryFailed(t.Context(), groups[0], 10); retried != n || err != nil {
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
	})
}

func TestHandleGroupFailsAsAWhole(t *testing.T) {
	mails := task.Kind[int]{Name: "mail", MaxRetry: -1}
	ran := false
	inBubble(t, nil, func(s *jobsy.Server) {
		jobsy.HandleGroup(s, mails, func(context.Context, []int) error { ran = true; return nil })
	}, func(r *rig) {
		good, bad := mails.New(1), task.New("mail", []byte("not a number"))
		good.Gather = task.Gather{Key: "a", Size: 2}
		bad.Gather, bad.MaxRetry = good.Gather, -1
		r.enqueue(good)
		r.enqueue(bad)
		if found := r.want(good, task.StatusFailed, 1); ran || len(found.Members) != 1 {
			r.t.Errorf("ran %t, failed as %+v", ran, found)
		}
	})
	nothing := jobsy.NewServer(nil, nil)
	jobsy.HandleGroup(nothing, mails, nil)
	jobsy.HandleResult[int, int](nothing, task.Kind[int]{Name: "other"}, nil)
	if err := nothing.Run(t.Context()); !errors.Is(err, task.ErrInvalid) {
		t.Errorf("nil handlers: %v", err)
	}
}
