package redis_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/brokertest"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

func TestConformanceOnACluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t)
	brokertest.Run(t, newBench(func(testing.TB) string { return cluster.URL() }).harness())
}

func TestConformanceThroughSentinels(t *testing.T) {
	t.Parallel()
	sentinels := redistest.StartSentinels(t)
	brokertest.Run(t, newBench(func(testing.TB) string { return sentinels.URL() }).harness())
}

func openURL(t *testing.T, url string) *redis.Broker {
	t.Helper()
	b, err := redis.Open(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

// A primary is lost by crashing, or by not answering any more.
var losses = map[string]func(*redistest.Server){
	"killed": (*redistest.Server).Kill,
	"frozen": (*redistest.Server).Freeze,
}

// soon is how long a call waits for a server that is frozen.
const soon = "?read_timeout=500ms"

func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	for name, lose := range losses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := redistest.StartSentinels(t)
			f := &failover{b: openURL(t, s.URL()+soon), queues: []string{"default", "other", "idle"}, deaf: name == "frozen"}
			f.run(t, func() {
				s.AwaitSync(t)
				primary := s.Primary(t)
				lose(primary)
				s.AwaitFailover(t, primary)
			})
		})
	}
}

func TestClusterFailover(t *testing.T) {
	t.Parallel()
	for name, lose := range losses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := redistest.StartCluster(t)
			f := &failover{b: openURL(t, c.URL()+soon), queues: []string{"default", elsewhere(t, c, false), elsewhere(t, c, true)}, deaf: name == "frozen"}
			f.run(t, func() {
				c.AwaitSync(t)
				owner := c.Owner(t, "{default}")
				lose(owner)
				c.AwaitFailover(t, "{default}", owner)
			})
		})
	}
}

// Tasks come and go while their queue moves from node to node.
func TestAQueueMovesThroughACluster(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t)
	f := &failover{b: openURL(t, c.URL()), queues: []string{"default"}, tried: make(chan struct{})}
	first, second := c.Owner(t, "{default}"), c.Owner(t, "{"+elsewhere(t, c, false)+"}")
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	moving := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for moved := false; !moved; {
			work := []*task.Task{task.New("work", nil), task.New("work", nil)}
			f.anyhow(ctx, t, "enqueue", func() []error { return f.b.Enqueue(ctx, work) })
			f.completeAll(ctx, t, work)
			select {
			case <-moving:
				moved = true
			default:
			}
		}
	})
	for _, to := range []*redistest.Server{second, first, second} {
		move := c.BeginMove(t, "{default}", to)
		for move.Keys(t, 1) > 0 {
			select {
			case <-f.tried: // while some keys are here and some there
			case <-ctx.Done():
			}
		}
		move.End(t)
	}
	close(moving)
	running.Wait()
	t.Logf("%d calls failed", f.failed.Load())
}

// elsewhere returns a queue on the node of the default one, or not.
func elsewhere(t *testing.T, c *redistest.Cluster, same bool) string {
	for i := 0; ; i++ {
		queue := fmt.Sprint("queue-", i)
		if (c.Owner(t, "{"+queue+"}") == c.Owner(t, "{default}")) == same {
			return queue
		}
	}
}

// failover is what one broker goes through.
type failover struct {
	b      *redis.Broker
	queues []string // the last is idle
	deaf   bool     // news come with the next refresh only
	failed atomic.Int64
	tried  chan struct{} // after each call, if somebody waits for it
}

func (f *failover) run(t *testing.T, happen func()) {
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	idle := f.queues[len(f.queues)-1]
	var kept []*task.Task
	for i := range 300 {
		work := task.New("work", nil)
		work.Queue, work.Retention = f.queues[i%2], time.Hour
		kept = append(kept, work)
	}
	enqueue(t, f.b, kept...)
	var running sync.WaitGroup
	running.Go(func() {
		if f.deaf {
			return
		}
		var ended *task.Task
		f.anyhow(ctx, t, "wait", func() (errs []error) {
			var err error
			ended, err = f.b.Wait(ctx, kept[0].Queue, kept[0].ID)
			return []error{err}
		})
		if ended != nil && ended.Status != task.StatusCompleted {
			t.Errorf("P17: waited until the task was %s", ended.Status)
		}
	})
	woken := make(chan []broker.Lease, 1)
	running.Go(func() { woken <- f.lease(ctx, t, idle) })

	happen()

	begin := time.Now()
	late := task.New("late", nil)
	late.Queue = idle
	f.anyhow(ctx, t, "enqueue", func() []error { return f.b.Enqueue(ctx, []*task.Task{late}) })
	if leases := <-woken; len(leases) != 1 || leases[0].ID != late.ID {
		t.Errorf("the idle worker got %v, want the late task", leases)
	}
	t.Logf("the idle worker went on after %s and %d failed calls", time.Since(begin), f.failed.Load())
	f.completeAll(ctx, t, kept)
	running.Wait()
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("going on took %s", took)
	}
}

// completeAll expects the tasks to be there.
func (f *failover) completeAll(ctx context.Context, t *testing.T, kept []*task.Task) {
	t.Helper()
	left := make(map[uuid.UUID]bool)
	for _, k := range kept {
		left[k.ID] = true
	}
	for len(left) > 0 {
		leases := f.lease(ctx, t, f.queues[:min(2, len(f.queues))]...)
		if leases == nil {
			t.Errorf("P1: %d of %d tasks are lost", len(left), len(kept))
			return
		}
		outcomes := make([]broker.Outcome, len(leases))
		for i, l := range leases {
			delete(left, l.ID)
			outcomes[i] = broker.Outcome{Lease: l, Task: l.Task, Status: task.StatusCompleted, Keep: time.Hour}
		}
		f.anyhow(ctx, t, "settle", func() []error { return f.b.Settle(ctx, outcomes) })
	}
}

// lease repeats the call while the server is away, as a jobsy.Server does.
func (f *failover) lease(ctx context.Context, t *testing.T, queues ...string) (leases []broker.Lease) {
	request := broker.LeaseRequest{Worker: fmt.Sprint(queues), Queues: queues, Max: 100, Duration: time.Minute}
	f.anyhow(ctx, t, "lease", func() []error {
		var err error
		leases, err = f.b.Lease(ctx, request)
		return []error{err}
	})
	return leases
}

func (f *failover) anyhow(ctx context.Context, t *testing.T, doing string, call func() []error) {
	for ctx.Err() == nil {
		err := errors.Join(call()...)
		select {
		case f.tried <- struct{}{}:
		default:
		}
		if err == nil {
			return
		}
		f.failed.Add(1)
		if !errors.Is(err, task.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", doing, err)
			return
		}
	}
	t.Errorf("%s: %v", doing, ctx.Err())
}
