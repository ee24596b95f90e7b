package memory_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// answer is what a Lease call in a goroutine has returned, and when.
type answer struct {
	leases []broker.Lease
	err    error
	at     time.Time
}

// start calls Lease in a goroutine.
func (r *rig) start(ctx context.Context, most int, queues ...string) <-chan answer {
	done := make(chan answer, 1)
	go func() {
		leases, err := r.Lease(ctx, request(most, queues...))
		done <- answer{leases, err, time.Now()}
	}()
	return done
}

// block starts n calls, one after the other, and returns once all are blocked.
// They end with the test.
func (r *rig) block(t *testing.T, n int, queues ...string) []<-chan answer {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	calls := make([]<-chan answer, n)
	for i := range calls {
		calls[i] = r.start(ctx, 1, queues...)
		synctest.Wait()
	}
	return calls
}

// answered returns how many of the calls have returned a lease.
func (r *rig) answered(calls []<-chan answer) int {
	r.Helper()
	n := 0
	for _, call := range calls {
		select {
		case got := <-call:
			if got.err != nil {
				r.Errorf("Lease: %v", got.err)
			}
			n++
		default:
		}
	}
	return n
}

// isAnsweredAt checks that a call returns one lease, at that time.
func (r *rig) isAnsweredAt(call <-chan answer, at time.Time, label string) {
	r.Helper()
	got := <-call
	if got.err != nil || len(got.leases) != 1 || string(got.leases[0].Task.Payload) != label {
		r.Errorf("Lease returned %q, %v, want %q", labels(got.leases), got.err, label)
	}
	if !got.at.Equal(at) {
		r.Errorf("%q was leased %v after its time", label, got.at.Sub(at))
	}
}

func due(in time.Duration, label string) *task.Task {
	t := labelled(label)[0]
	t.RunAt = time.Now().Add(in)
	return t
}

// A task wakes one of many callers, and those that come together wake one after
// the other.
func TestNoHerd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		calls := r.block(t, 50)
		looks := r.Looks()
		r.enqueue(labelled("a")...)
		synctest.Wait()
		if n := r.answered(calls); n != 1 {
			t.Errorf("one task has ended %d calls", n)
		}
		// The task itself, who leases it, and one who minds its lease.
		if n := r.Looks() - looks; n > 3 {
			t.Errorf("one task has caused %d looks among 50 callers", n-1)
		}
		looks = r.Looks()
		r.enqueue(labelled("b", "c", "d")...)
		synctest.Wait()
		if n := r.answered(calls); n != 3 {
			t.Errorf("three tasks have ended %d calls", n)
		}
		if n := r.Looks() - looks; n > 7 {
			t.Errorf("three tasks have caused %d looks among 50 callers", n-3)
		}
	})
}

// A due time wakes one of many callers.
func TestNoHerdAtDueTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.enqueue(due(time.Second, "a"))
		calls := r.block(t, 50)
		looks := r.Looks()
		time.Sleep(time.Second)
		synctest.Wait()
		if n := r.answered(calls); n != 1 {
			t.Errorf("one due task has ended %d calls", n)
		}
		if n := r.Looks() - looks; n > 3 {
			t.Errorf("one due task has caused %d looks among 50 callers", n-1)
		}
	})
}

// Nothing happens while nothing is due.
func TestIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.enqueue(due(10_000*time.Hour, "a"))
		calls := r.block(t, 3)
		looks := r.Looks()
		time.Sleep(9_999 * time.Hour)
		if n := r.Looks() - looks; n != 0 {
			t.Errorf("idle callers have looked %d times", n)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := r.answered(calls); n != 1 {
			t.Errorf("one due task has ended %d calls", n)
		}
	})
}

// A task that is due before all others shortens the wait, also of those who did
// not hear of it.
func TestEarlierTaskShortensWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		start := time.Now()
		r.enqueue(due(time.Hour, "late"))
		ctx, cancel := context.WithCancel(t.Context())
		first := r.start(ctx, 1)
		synctest.Wait()
		second := r.start(t.Context(), 1)
		synctest.Wait()
		r.enqueue(due(time.Minute, "early"))
		synctest.Wait()
		cancel()
		if got := <-first; !errors.Is(got.err, context.Canceled) {
			t.Errorf("Lease returned %v, want Canceled", got.err)
		}
		r.isAnsweredAt(second, start.Add(time.Minute), "early")
		r.isAnsweredAt(r.start(t.Context(), 1), start.Add(time.Minute*2), "early") // its lease has run out
		r.isAnsweredAt(r.start(t.Context(), 1), start.Add(time.Minute*3), "early")
	})
}

// Whoever waits takes over a lease as it runs out, though it was drawn, and then
// cut short, while they waited.
func TestWaiterTakesOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		start := time.Now()
		first := r.start(t.Context(), 1)
		synctest.Wait()
		second := r.start(t.Context(), 1)
		synctest.Wait()
		r.enqueue(labelled("a")...)
		got := <-first
		if errs := r.Extend(t.Context(), got.leases, time.Second); errs != nil {
			t.Fatalf("Extend returned %v", errs)
		}
		r.isAnsweredAt(second, start.Add(time.Second), "a")
	})
}

// Retries, snoozes and releases wake who waits.
func TestSettleWakes(t *testing.T) {
	t.Parallel()
	for _, status := range []task.Status{task.StatusRetrying, task.StatusScheduled, task.StatusPending} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil)
			r.enqueue(labelled("a")...)
			held := r.lease(1)
			calls := r.block(t, 2)
			at := time.Now()
			if status != task.StatusPending {
				at = at.Add(time.Second)
			}
			r.settleAll(outcomes(broker.Outcome{Status: status, Delay: time.Second}, held...))
			r.isAnsweredAt(calls[0], at, "a")
		})
	}
}

// A tick wakes who waits.
func TestTickWakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		calls := r.block(t, 1)
		if _, err := r.Tick(t.Context(), broker.Tick{Schedule: "s", At: time.Now(), Task: labelled("a")[0]}); err != nil {
			t.Fatal(err)
		}
		r.isAnsweredAt(calls[0], time.Now(), "a")
	})
}

// A caller whose context ends just as it is woken draws nothing, and lets the
// next one know.
func TestWakeIsPassedOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		first := r.start(ctx, 1)
		synctest.Wait()
		second := r.start(t.Context(), 1)
		synctest.Wait()
		release := r.EnqueueAndHold(labelled("a")[0])
		cancel()
		release()
		if got := <-first; len(got.leases) > 0 || !errors.Is(got.err, context.Canceled) {
			t.Errorf("Lease returned %d leases, %v, want Canceled", len(got.leases), got.err)
		}
		r.isAnsweredAt(second, time.Now(), "a")
	})
}

// A caller that was woken for one of its queues leaves the others to those who
// wait there.
func TestOtherQueuesAreLookedAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		start := time.Now()
		later := due(time.Hour, "later")
		later.Queue = "b"
		r.enqueue(later)
		first := r.start(t.Context(), 1, "a", "b")
		synctest.Wait()
		second := r.start(t.Context(), 1, "b", "c")
		synctest.Wait()
		soon := labelled("soon")[0]
		soon.Queue = "a"
		r.enqueue(soon)
		r.isAnsweredAt(first, start, "soon")
		r.isAnsweredAt(second, start.Add(time.Hour), "later")
	})
}

func TestCloseEndsBlockedCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.enqueue(due(time.Hour, "a"))
		calls := r.block(t, 3, "default", "other", "other")
		_ = r.Close()
		for _, call := range calls {
			if got := <-call; !errors.Is(got.err, task.ErrClosed) {
				t.Errorf("Lease returned %v, want ErrClosed", got.err)
			}
		}
	})
}

// As long as anybody waits, every task starts at its very time, whatever comes
// and goes: callers give up at random, tasks are retried, released and left
// behind. Callers look at overlapping sets of queues.
func TestNoWakeIsLost(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Log("seed", seed)
	for round := range uint64(20) {
		synctest.Test(t, func(t *testing.T) { noWakeIsLost(t, rand.New(rand.NewPCG(seed, round))) })
	}
}

func noWakeIsLost(t *testing.T, random *rand.Rand) {
	r := newRig(t, nil)
	queues := []string{"a", "b", "c"}
	ctx, stop := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	var ended sync.WaitGroup
	for range 8 {
		order := random.Perm(3)[:1+random.IntN(3)]
		w := &punctual{rig: r, random: rand.New(rand.NewPCG(random.Uint64(), 0)), ended: &ended}
		for _, i := range order {
			w.queues = append(w.queues, queues[i])
		}
		workers.Go(func() { w.work(ctx) })
	}
	for _, q := range queues { // one who never gives up
		w := &punctual{rig: r, queues: []string{q}, random: rand.New(rand.NewPCG(random.Uint64(), 0)), ended: &ended, patient: true}
		workers.Go(func() { w.work(ctx) })
	}
	for range 300 {
		ended.Add(1)
		next := due(time.Duration(random.IntN(200))*time.Millisecond, "a")
		next.Queue = queues[random.IntN(3)]
		r.enqueue(next)
		if random.IntN(2) == 0 {
			time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
		}
	}
	ended.Wait()
	stop()
	workers.Wait()
	r.leavesNothing()
}

// punctual is a worker that takes no time to run a task, and checks that it
// starts on time.
type punctual struct {
	*rig
	queues  []string
	random  *rand.Rand
	ended   *sync.WaitGroup
	patient bool
}

func (w *punctual) work(ctx context.Context) {
	for ctx.Err() == nil {
		wait, cancel := context.WithTimeout(ctx, time.Duration(1+w.random.IntN(30))*time.Millisecond)
		if w.patient {
			wait = ctx
		}
		req := request(1+w.random.IntN(3), w.queues...)
		req.Duration = 50 * time.Millisecond
		leases, _ := w.Lease(wait, req)
		cancel()
		for _, lease := range leases {
			w.run(lease)
		}
	}
}

func (w *punctual) run(lease broker.Lease) {
	want, left := lease.Task.RunAt, lease.Deliveries-1 // how often it was left behind since
	if at, ok := lease.Task.Headers["due"]; ok {
		want, _ = time.Parse(time.RFC3339Nano, at)
		before, _ := strconv.Atoi(lease.Task.Headers["left"])
		left -= before
	}
	want = want.Add(50 * time.Millisecond * time.Duration(left))
	if now := time.Now(); !now.Equal(want) {
		w.Errorf("delivery %d of a task came %v late", lease.Deliveries, now.Sub(want))
	}
	o := broker.Outcome{Lease: lease, Status: task.StatusCompleted, Task: lease.Task}
	switch w.random.IntN(8) {
	case 0:
		return // left behind
	case 1, 2:
		o.Status, o.Delay = task.StatusRetrying, time.Duration(w.random.IntN(30))*time.Millisecond
	case 3:
		o.Status = task.StatusPending
	}
	o.Task.Headers = map[string]string{"due": time.Now().Add(o.Delay).Format(time.RFC3339Nano)}
	if o.Status == task.StatusPending {
		o.Task.Headers["left"] = strconv.Itoa(lease.Deliveries - 1)
	}
	if o.Status == task.StatusCompleted {
		defer w.ended.Done()
	}
	w.settleAll([]broker.Outcome{o})
}
