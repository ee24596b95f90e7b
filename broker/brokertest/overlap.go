package brokertest

import (
	"time"

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
