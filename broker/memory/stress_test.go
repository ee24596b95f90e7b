package memory_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// Many goroutines do whatever they may; each task ends exactly once.
func TestStress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stress(t, newRig(t, &memory.Options{Bounds: bounds(50)}))
	})
	synctest.Test(t, func(t *testing.T) {
		s := newRecords(t)
		stress(t, newRig(t, &memory.Options{Bounds: bounds(50), Storage: s}))
		if n := s.count(); n != 0 {
			t.Errorf("the storage has %d tasks, want none", n)
		}
	})
	synctest.Test(t, func(t *testing.T) { // so that calls meet in the middle of a save
		s := newRecords(t)
		s.delay = 100 * time.Microsecond
		stress(t, newRig(t, &memory.Options{Bounds: bounds(50), Storage: s}))
		if n := s.count(); n != 0 {
			t.Errorf("the storage has %d tasks, want none", n)
		}
	})
}

const (
	stressTasks   = 2000
	stressWorkers = 8
	stressKeep    = 10 * time.Millisecond
)

// tally counts how often each task has ended.
type tally struct {
	*rig
	mu    sync.Mutex
	ended map[uuid.UUID]int
	all   chan struct{} // closed once all have
}

func stress(t *testing.T, r *rig) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	ta := &tally{rig: r, ended: make(map[uuid.UUID]int), all: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for i := range uint64(stressWorkers) {
		random := rand.New(rand.NewPCG(seed, i))
		running.Go(func() { ta.work(ctx, random) })
	}
	for i := range uint64(2) {
		random := rand.New(rand.NewPCG(seed, stressWorkers+i))
		running.Go(func() { ta.produce(random) })
	}
	running.Go(func() { ta.inspect(ctx) })
	select {
	case <-ta.all:
	case <-time.After(time.Hour):
		t.Error("not all tasks have ended")
	}
	stop()
	running.Wait()
	for id, n := range ta.ended {
		if n != 1 {
			t.Errorf("task %s has ended %d times", id, n)
		}
	}
	time.Sleep(stressKeep)
	r.leavesNothing()
}

var stressQueues = []string{"a", "b", "c"}

func (ta *tally) produce(random *rand.Rand) {
	for range stressTasks / 2 / 10 {
		tasks := labelled(numbers(10)...)
		for _, t := range tasks {
			t.Queue = stressQueues[random.IntN(3)]
			t.Priority = task.Priority(1 + random.IntN(255))
			if random.IntN(3) == 0 {
				t.RunAt = time.Now().Add(time.Duration(random.IntN(20)) * time.Millisecond)
			}
		}
		if errs := ta.Enqueue(context.Background(), tasks); errs != nil {
			ta.Errorf("Enqueue returned %v", errs)
		}
	}
}

func (ta *tally) work(ctx context.Context, random *rand.Rand) {
	for ctx.Err() == nil {
		order := random.Perm(3)
		req := request(1+random.IntN(20), stressQueues[order[0]], stressQueues[order[1]])
		req.Duration = time.Duration(1+random.IntN(20)) * time.Millisecond
		wait, cancel := context.WithTimeout(ctx, time.Duration(1+random.IntN(20))*time.Millisecond)
		leases, err := ta.Lease(wait, req)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			ta.Errorf("Lease: %v", err)
		}
		ta.settleAtRandom(leases, random)
	}
}

// settleAtRandom leaves some leases behind, and settles others late.
func (ta *tally) settleAtRandom(leases []broker.Lease, random *rand.Rand) {
	var all []broker.Outcome
	for _, l := range leases {
		o := broker.Outcome{Lease: l, Status: task.StatusCompleted}
		switch random.IntN(10) {
		case 0:
			continue
		case 1:
			o.Status, o.Delay = task.StatusRetrying, time.Duration(random.IntN(10))*time.Millisecond
		case 2:
			o.Status, o.Task = task.StatusPending, l.Task
		case 3, 4:
			o.Status, o.Keep = task.StatusFailed, stressKeep
		}
		l.Task.Payload[0]++ // it is the worker's own
		all = append(all, o)
	}
	if random.IntN(5) == 0 {
		ta.Extend(context.Background(), leases, time.Duration(random.IntN(10))*time.Millisecond)
	}
	if random.IntN(5) == 0 {
		time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond) // too late for some
	}
	errs := ta.Settle(context.Background(), all)
	ta.book(all, errs)
}

func (ta *tally) book(all []broker.Outcome, errs []error) {
	ta.mu.Lock()
	defer ta.mu.Unlock()
	for i, o := range all {
		if errs != nil && errs[i] != nil {
			if !errors.Is(errs[i], task.ErrLeaseLost) {
				ta.Errorf("Settle: %v", errs[i])
			}
			continue
		}
		if !o.Status.Ended() {
			continue
		}
		ta.ended[o.Lease.ID]++
		if ta.ended[o.Lease.ID] == 1 && len(ta.ended) == stressTasks {
			close(ta.all)
		}
	}
}

// inspect looks at everything, and keeps a schedule going.
func (ta *tally) inspect(ctx context.Context) {
	for ctx.Err() == nil {
		time.Sleep(time.Millisecond)
		queues, _ := ta.Queues(ctx)
		for _, queue := range queues {
			counts := ta.counts(queue)
			if n := counts[task.StatusFailed]; n > 50 {
				ta.Errorf("%d failed tasks are kept, want at most 50", n)
			}
			for status := range counts {
				tasks, _, err := ta.Tasks(ctx, queue, status, "", 10)
				if err != nil {
					ta.Errorf("Tasks: %v", err)
				}
				for _, t := range tasks {
					t.Payload[0]++ // it is the caller's own
				}
			}
		}
		if _, err := ta.Join(ctx, "a", "s"); err != nil {
			ta.Errorf("Join: %v", err)
		}
	}
}
