package memory_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// wall is a clock that can be set while the process runs on: by NTP, or because the
// machine has slept.
type wall struct {
	*rig
	began time.Time
	set   time.Duration // by how much
}

func newWall(t *testing.T) *wall {
	w := &wall{began: time.Now()}
	b := memory.NewByClock(nil, func() (time.Time, time.Duration) {
		now := time.Now()
		return now.Add(w.set), now.Sub(w.began)
	})
	w.rig = &rig{b, t}
	t.Cleanup(func() { _ = b.Close() })
	return w
}

// jump sets the clock. A server's heartbeat is what the broker learns it from.
func (w *wall) jump(by time.Duration) {
	w.Helper()
	synctest.Wait()
	w.set += by
	if err := w.Beat(w.Context(), broker.ServerInfo{Name: "s"}, time.Minute); err != nil {
		w.Fatal(err)
	}
}

// Leases last for as long as the process runs, wherever the clock jumps.
func TestLeasesOverJump(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{8 * time.Hour, -8 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			w := newWall(t)
			w.enqueue(labelled("a")...)
			start, held := time.Now(), w.lease(1)
			w.jump(by)
			w.isLeased(w.lease(1))
			if errs := w.Extend(t.Context(), held, time.Hour); errs != nil {
				t.Errorf("Extend returned %v", errs)
			}
			w.jump(-by / 2)
			w.isAnsweredAt(w.start(t.Context(), 1), start.Add(time.Hour), "a")
		})
	}
}

// A server lives on, too: its heartbeats come as the process runs.
func TestServersOverJump(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWall(t)
		if err := w.Beat(t.Context(), broker.ServerInfo{Name: "other"}, time.Minute); err != nil {
			t.Fatal(err)
		}
		w.jump(8 * time.Hour)
		if servers, _, err := w.Servers(t.Context(), "", 9); err != nil || len(servers) != 2 {
			t.Errorf("Servers returned %d, %v, want both", len(servers), err)
		}
		time.Sleep(time.Minute)
		if servers, _, err := w.Servers(t.Context(), "", 9); err != nil || len(servers) != 0 {
			t.Errorf("Servers returned %d, %v a minute later, want none", len(servers), err)
		}
	})
}

// What is due at a time of day is due when the clock says so, also for those who
// were waiting for it before the clock jumped: the machine has slept over it, or
// there is more time than there seemed to be.
func TestDueOverJump(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ jump, waits time.Duration }{
		{8 * time.Hour, 0}, {time.Hour, 0}, {59 * time.Minute, time.Minute}, {-time.Hour, 2 * time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWall(t)
			start := time.Now()
			w.enqueue(due(time.Hour, "a"))
			calls := w.block(t, 2)
			w.jump(c.jump)
			w.isAnsweredAt(calls[0], start.Add(c.waits), "a")
		})
	}
}

// A clock that is off by little, or drifts, is nothing to take notice of.
func TestNoJump(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWall(t)
		calls := w.block(t, 1)
		looks := w.Looks()
		for range 3 {
			w.jump(20 * time.Millisecond)
		}
		synctest.Wait()
		if n := w.Looks() - looks; n != 0 {
			t.Errorf("a drift of milliseconds has caused %d looks", n)
		}
		w.jump(time.Second)
		synctest.Wait()
		if n := w.Looks() - looks; n != 1 {
			t.Errorf("a jump has caused %d looks, want 1", n)
		}
		w.enqueue(labelled("a")...)
		if got := <-calls[0]; len(got.leases) != 1 {
			t.Errorf("Lease returned %v", got.err)
		}
	})
}

// The longest delay is one that a record has room for.
func TestEndlessDelayOverRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const endless = time.Duration(1<<63 - 1)
		s := newRecords(t)
		r := s.open(t)
		r.enqueue(labelled("snoozed", "retrying", "revised", "kept")...)
		held := r.lease(4)
		r.settleAll([]broker.Outcome{
			{Lease: held[0], Status: task.StatusScheduled, Delay: endless},
			{Lease: held[1], Status: task.StatusRetrying, Delay: endless},
			{Lease: held[2], Status: task.StatusFailed, Keep: time.Hour},
			{Lease: held[3], Status: task.StatusCompleted, Keep: endless},
		})
		change := broker.Change{Status: task.StatusPending, Delay: endless}
		if errs := r.Revise(t.Context(), task.DefaultQueue, []uuid.UUID{held[2].ID}, change); errs != nil {
			t.Fatalf("Revise returned %v", errs)
		}
		was, r := r.counts(task.DefaultQueue), s.reopen(r)
		is := r.counts(task.DefaultQueue)
		if is[task.StatusScheduled] != 2 || is[task.StatusRetrying] != 1 || is[task.StatusCompleted] != 1 || is[task.StatusFailed] != 0 {
			t.Errorf("there are %v tasks after a restart, %v before", is, was)
		}
		time.Sleep(200 * 365 * 24 * time.Hour)
		r.isLeased(r.lease(9))
	})
}
