package redis_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

// tripHook counts what goes to the server and back.
type tripHook struct{ trips atomic.Int64 }

func (h *tripHook) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (h *tripHook) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		h.trips.Add(1)
		return next(ctx, cmd)
	}
}

func (h *tripHook) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		h.trips.Add(1)
		return next(ctx, cmds)
	}
}

// surveyed returns a broker with a task in each of 100 queues, and its trips.
func surveyed(t *testing.T) (*redis.Broker, goredis.UniversalClient, *tripHook, []string) {
	t.Helper()
	client := clientOf(t, redistest.Start(t).Addr(), nil)
	hook := &tripHook{}
	client.AddHook(hook)
	b := redis.New(client, nil)
	t.Cleanup(func() { b.Close() })
	var tasks []*task.Task
	var queues []string
	for i := range 100 {
		queues = append(queues, fmt.Sprintf("queue-%02d", i))
		one := task.New("survey", nil)
		one.Queue = queues[i]
		tasks = append(tasks, one)
	}
	if errs := b.Enqueue(t.Context(), tasks); errs != nil {
		t.Fatal(errs)
	}
	return b, client, hook, queues
}

// However many queues there are, a survey takes a few round trips, also of a
// server that does not know the script.
func TestSurveyTakesFewRoundTrips(t *testing.T) {
	t.Parallel()
	b, _, hook, queues := surveyed(t)
	for _, want := range []int64{2, 1} {
		before := hook.trips.Load()
		surveys, errs := b.Survey(t.Context(), queues)
		if trips := hook.trips.Load() - before; errs != nil || trips != want {
			t.Errorf("a survey took %d round trips, errors %v, want %d", trips, errs, want)
		}
		for i, s := range surveys {
			if s.Counts[task.StatusPending] != 1 {
				t.Errorf("%s has %v, want one pending task", queues[i], s.Counts)
			}
		}
	}
}

func TestSurveySurvivesAQueueOfAWrongType(t *testing.T) {
	t.Parallel()
	b, client, _, queues := surveyed(t)
	if err := client.Set(t.Context(), "jobsy:{queue-07}:failed", "no set", 0).Err(); err != nil {
		t.Fatal(err)
	}
	surveys, errs := b.Survey(t.Context(), queues)
	for i, s := range surveys {
		bad := i == 7
		if (errs[i] != nil) != bad || (s.Counts[task.StatusPending] != 1) != bad {
			t.Errorf("%s has %v, error %v", queues[i], s.Counts, errs[i])
		}
	}
}

// What is too long to be read for it tells no age, but is counted.
func TestSurveyReadsNoLongRecord(t *testing.T) {
	t.Parallel()
	b := openURL(t, "redis://"+redistest.Start(t).Addr())
	long := task.New("survey", make([]byte, 1<<20))
	long.EnqueuedAt = time.Now().Add(-time.Hour)
	if errs := b.Enqueue(t.Context(), []*task.Task{long}); errs != nil {
		t.Fatal(errs)
	}
	surveys, errs := b.Survey(t.Context(), []string{task.DefaultQueue})
	if errs != nil || surveys[0].Oldest != 0 || surveys[0].Counts[task.StatusPending] != 1 {
		t.Errorf("Survey returned %+v, %v, want one pending task of no age", surveys, errs)
	}
}
