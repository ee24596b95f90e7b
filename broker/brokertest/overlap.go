package brokertest

import (
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func overlapRules() []rule {
	return []rule{
		{onceATick, "NoOverlap skips a tick while the last task waits", skipsWhileWaiting},
		{onceATick, "NoOverlap skips a tick while the last task runs", skipsWhileRunning},
		{onceATick, "NoOverlap skips a tick while the last task waits for a retry", skipsWhileRetrying},
		{onceATick, "NoOverlap skips tick after tick while one task goes on", skipsInARow},
		{onceATick, "NoOverlap takes the next tick once the last task has ended", goesOnAfterEnd},
		{onceATick, "ticks overlap without NoOverlap", overlaps},
		{onceATick, "IgnoreDelayed takes a tick while the last task is not due", ignoresDelayed},
		{onceATick, "a tick says for which task it was skipped", saysBehind},
		{onceATick, "a tick whose lock is held passes without its task", tickMeetsLock},
		{onceATick, "the task of a tick holds its lock", tickHoldsLock},
	}
}

// overlapping makes ticks of one schedule, a millisecond apart.
type overlapping struct {
	*trial
	timetable broker.Timetable
	at        time.Time
}

func overlap(s *trial) *overlapping {
	return &overlapping{trial: s, timetable: s.timetable(), at: s.tickTime()}
}

// tick makes the next tick with NoOverlap, and checks that it is taken.
func (o *overlapping) tick(label string, enqueued bool) {
	o.Helper()
	o.at = o.at.Add(grain)
	tick := tickAt(o.at, label)
	tick.NoOverlap = true
	o.ticks(o.timetable, tick, enqueued)
	if last := o.join(o.timetable, task.DefaultQueue, "s").Last; !last.Equal(o.at) {
		o.Errorf("Last is %s, want %s: a skipped tick is taken, too", last, o.at)
	}
	tick = tickAt(o.at, "double")
	o.ticks(o.timetable, tick, false)
}

func (o *overlapping) finish() {
	o.Helper()
	o.leave(o.timetable, task.DefaultQueue, "s")
	o.leavesNothing()
}

func skipsWhileWaiting(s *trial) {
	o := overlap(s)
	o.tick("first", true)
	o.tick("second", false)
	o.end(o.lease())
	o.finish()
}

func skipsWhileRunning(s *trial) {
	o := overlap(s)
	o.tick("first", true)
	held := o.lease()
	o.tick("second", false)
	o.end(held)
	o.finish()
}

func skipsWhileRetrying(s *trial) {
	for _, status := range []task.Status{task.StatusRetrying, task.StatusScheduled} {
		o := overlap(s)
		o.tick("first", true)
		o.settle(broker.Outcome{Lease: o.lease(), Status: status, Delay: short})
		o.tick("second", false)
		o.advance(short)
		o.end(o.lease())
		o.finish()
	}
}

func skipsInARow(s *trial) {
	o := overlap(s)
	o.tick("first", true)
	o.tick("second", false)
	o.tick("third", false)
	held := o.lease()
	o.tick("fourth", false)
	o.end(held)
	o.tick("fifth", true)
	o.end(o.lease())
	o.finish()
}

func goesOnAfterEnd(s *trial) {
	o := overlap(s)
	for _, status := range endStatuses() {
		o.tick("dropped", true)
		o.settle(become(status, o.lease())...)
	}
	for _, status := range endStatuses() {
		o.tick("kept", true)
		o.settle(broker.Outcome{Lease: o.lease(), Status: status, Keep: short})
	}
	o.tick("last", true)
	o.end(o.lease())
	o.finish()
}

func overlaps(s *trial) {
	o := overlap(s)
	for range 3 {
		o.at = o.at.Add(grain)
		o.ticks(o.timetable, tickAt(o.at, "tick"), true)
	}
	o.end(o.leases(3, 3)...)
	o.finish()
}

func ignoresDelayed(s *trial) {
	o := overlap(s)
	busy := func(label string, enqueued bool) {
		s.Helper()
		o.at = o.at.Add(grain)
		tick := tickAt(o.at, label)
		tick.NoOverlap, tick.IgnoreDelayed = true, true
		o.ticks(o.timetable, tick, enqueued)
	}
	for _, status := range []task.Status{task.StatusRetrying, task.StatusScheduled} {
		busy("first", true)
		busy("while it waits", false)
		held := o.lease()
		busy("while it runs", false)
		o.settle(broker.Outcome{Lease: held, Status: status, Delay: short})
		o.pass(short)
		busy("while it is due", false)
		o.settle(broker.Outcome{Lease: o.lease(), Status: status, Delay: short})
		busy("while it is put off", true)
		o.pass(short)
		o.end(o.leases(2, 2)...)
	}
	busy("last", true)
	o.settle(broker.Outcome{Lease: o.lease(), Status: task.StatusScheduled, Parked: true})
	busy("while it is parked", false)
	o.end(o.lease())
	o.finish()
}

// skipped makes a tick that must pass without its task, for the one given.
func (o *overlapping) skipped(tick broker.Tick, behind uuid.UUID) {
	o.Helper()
	o.at = o.at.Add(grain)
	tick.At = o.at
	got, err := o.timetable.Tick(o.ctx, tick)
	if err != nil || got.Enqueued || got.Behind != behind {
		o.Errorf("the tick became %+v, %v, want one that is skipped for task %s", got, err, behind)
	}
	if last := o.join(o.timetable, task.DefaultQueue, "s").Last; !last.Equal(o.at) {
		o.Errorf("Last is %s, want %s: a skipped tick is taken, too", last, o.at)
	}
}

func saysBehind(s *trial) {
	o := overlap(s)
	first := tickAt(o.at, "first")
	got, err := o.timetable.Tick(s.ctx, first)
	if err != nil || got.Behind != uuid.Nil {
		s.Errorf("the first tick became %+v, %v, want one behind none", got, err)
	}
	for range 2 {
		next := tickAt(o.at, "next")
		next.NoOverlap = true
		o.skipped(next, first.Task.ID)
	}
	if stale, err := o.timetable.Tick(s.ctx, tickAt(o.at, "stale")); err != nil || stale.Behind != uuid.Nil {
		s.Errorf("a tick that was taken before became %+v, %v, want one behind none", stale, err)
	}
	o.end(o.lease())
	o.finish()
}

func uniqueTick(at time.Time, label string, mode task.UniqueMode) broker.Tick {
	return broker.Tick{Schedule: "s", At: at, Task: briefly(unique(label, mode))}
}

// briefly gives a lock of some time one that a test can wait for.
func briefly(t *task.Task) *task.Task {
	if t.Unique.For > 0 {
		t.Unique.For = 4 * short
	}
	return t
}

func tickMeetsLock(s *trial) {
	o := overlap(s)
	for _, mode := range []task.UniqueMode{task.UntilStarted, task.UntilEnded, task.Debounce, task.Latest, task.Throttle} {
		holder := briefly(unique("holder", mode))
		s.enqueue(holder)
		for _, own := range []task.UniqueMode{task.UntilStarted, task.UntilEnded, task.Throttle} {
			o.skipped(uniqueTick(o.at, "kept out", own), holder.ID)
		}
		if mode == task.Debounce {
			o.advance(4 * short)
		}
		held := o.lease()
		if mode != task.UntilStarted && mode != task.Debounce {
			o.skipped(uniqueTick(o.at, "kept out", task.UntilEnded), holder.ID)
		}
		o.end(held)
		if mode == task.Throttle {
			o.skipped(uniqueTick(o.at, "kept out", task.UntilEnded), holder.ID)
			o.pass(4 * short)
		}
		o.at = o.at.Add(grain)
		o.ticks(o.timetable, uniqueTick(o.at, "taken", task.UntilStarted), true)
		o.end(o.lease())
	}
	o.finish()
}

func tickHoldsLock(s *trial) {
	o := overlap(s)
	for _, mode := range []task.UniqueMode{task.UntilStarted, task.UntilEnded, task.Throttle} {
		o.at = o.at.Add(grain)
		tick := uniqueTick(o.at, "tick", mode)
		o.ticks(o.timetable, tick, true)
		s.excluded(tick.Task.ID, unique("kept out", mode))
		held := o.lease()
		if mode != task.UntilStarted {
			s.excluded(tick.Task.ID, unique("kept out", mode))
		}
		o.end(held)
		if mode == task.Throttle {
			s.excluded(tick.Task.ID, unique("kept out", mode))
			o.pass(4 * short)
		}
	}
	o.finish()
}
