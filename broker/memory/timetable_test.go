package memory_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// The anchor is in whole milliseconds, and stays until the schedule is left.
func TestAnchor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		time.Sleep(1500 * time.Microsecond)
		want := time.Now().Add(-500 * time.Microsecond)
		for range 2 {
			state, err := r.Join(t.Context(), task.DefaultQueue, "s")
			if err != nil || !state.Now.Equal(time.Now()) || !state.Anchor.Equal(want) || !state.Last.IsZero() {
				t.Errorf("Join returned %+v, %v, want the anchor %s and no last tick", state, err, want)
			}
			time.Sleep(time.Second)
		}
		if err := r.Leave(t.Context(), task.DefaultQueue, "s"); err != nil {
			t.Fatal(err)
		}
		if state, err := r.Join(t.Context(), task.DefaultQueue, "s"); err != nil || !state.Anchor.After(want) {
			t.Errorf("Join after Leave returned %+v, %v, want a new anchor", state, err)
		}
	})
}

// After a restart the schedule's memory is gone, but not the task of its last
// tick: the tick is taken, and the next does not overlap it.
func TestTicksOverRestart(t *testing.T) {
	t.Parallel()
	s := newRecords(t)
	r := s.open(t)
	first := broker.Tick{Schedule: "s", At: time.UnixMilli(1000), Task: labelled("first")[0], NoOverlap: true}
	second := broker.Tick{Schedule: "s", At: time.UnixMilli(2000), Task: labelled("second")[0], NoOverlap: true}
	third := broker.Tick{Schedule: "s", At: time.UnixMilli(3000), Task: labelled("third")[0], NoOverlap: true}
	tick := func(tick broker.Tick, want bool) {
		t.Helper()
		if got, err := r.Tick(t.Context(), tick); err != nil || got.Enqueued != want {
			t.Errorf("Tick returned %+v, %v, want Enqueued %v", got, err, want)
		}
	}
	tick(first, true)
	r = s.reopen(r)
	tick(first, false)
	tick(second, false)
	r.settle(task.StatusCompleted, r.lease(1)...)
	tick(second, false)
	tick(third, true)
	r.isLeased(r.lease(9), "third")
}

func TestBadSchedule(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	_, join := r.Join(t.Context(), "{}", "s")
	_, tick := r.Tick(t.Context(), broker.Tick{At: time.UnixMilli(1), Task: labelled("a")[0]})
	leave := r.Leave(t.Context(), task.DefaultQueue, "")
	for _, err := range []error{join, tick, leave} {
		if !errors.Is(err, task.ErrInvalid) {
			t.Errorf("error %v, want ErrInvalid", err)
		}
	}
	r.leavesNothing()
}
