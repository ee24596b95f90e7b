package brokertest

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func timetableRules() []rule {
	return []rule{
		{onceATick, "the first Join anchors a schedule", joinAnchorsOnce},
		{onceATick, "schedules belong to their queue", schedulesOfQueues},
		{onceATick, "a tick is taken once", tickedOnce},
		{onceATick, "a tick before the last one is stale", staleTick},
		{onceATick, "of many processes one takes the tick", manyTickers},
		{onceATick, "two brokers share a schedule", sharedSchedule},
		{onceATick, "a tick whose ID is in use counts as taken", tickWithUsedID},
		{onceATick, "Leave forgets a schedule", leaveForgets},
		{onceATick, "a tick wakes a blocked Lease", tickWakes},
		{onceATick, "a tick's task may be due later", tickDueLater},
		{whole, "a bad tick is refused and not recorded", badTick},
		{lossless, "the caller may change a tick's task afterwards", tickMayChange},
		{oneClock, "schedules see the broker's clock", schedulesSeeClock},
	}
}

func (s *trial) join(timetable broker.Timetable, queue, schedule string) broker.ScheduleState {
	s.Helper()
	state, err := timetable.Join(s.ctx, queue, schedule)
	if err != nil {
		s.Fatalf("Join: %v", err)
	}
	return state
}

func (s *trial) leave(timetable broker.Timetable, queue, schedule string) {
	s.Helper()
	if err := timetable.Leave(s.ctx, queue, schedule); err != nil {
		s.Errorf("Leave: %v", err)
	}
}

// ticks makes a Tick that must be enqueued, or must not.
func (s *trial) ticks(timetable broker.Timetable, tick broker.Tick, enqueued bool) {
	s.Helper()
	got, err := timetable.Tick(s.ctx, tick)
	if err != nil {
		s.Fatalf("Tick: %v", err)
	}
	if got.Enqueued != enqueued {
		s.Errorf("Tick at %s returned Enqueued %v, want %v", tick.At.Format(time.StampMilli), got.Enqueued, enqueued)
	}
	if (tick.Task.Status != "") != enqueued {
		s.Errorf("the task of a tick that was enqueued: %v has the status %q", enqueued, tick.Task.Status)
	}
}

// tickAt returns a tick of the schedule "s" in the default queue.
func tickAt(at time.Time, label string) broker.Tick {
	return broker.Tick{Schedule: "s", At: at.Truncate(grain), Task: newTask(label)}
}

// tickTime returns the broker's time as a tick can have it.
func (s *trial) tickTime() time.Time {
	s.Helper()
	return s.now().Truncate(grain)
}

func joinAnchorsOnce(s *trial) {
	timetable := s.timetable()
	before := s.now()
	first := s.join(timetable, task.DefaultQueue, "s")
	if first.Anchor.Before(before.Add(-grain)) || first.Anchor.After(first.Now) || first.Now.After(s.now().Add(grain)) {
		s.Errorf("joined at %s with anchor %s and time %s, want both the broker's time", before, first.Anchor, first.Now)
	}
	if !first.Last.IsZero() {
		s.Errorf("a new schedule has Last %s, want none", first.Last)
	}
	s.pass(5 * grain)
	again := s.join(timetable, task.DefaultQueue, "s")
	if !again.Anchor.Equal(first.Anchor) || !again.Now.After(first.Now) {
		s.Errorf("joined again with anchor %s and time %s, want the anchor %s and a later time", again.Anchor, again.Now, first.Anchor)
	}
	other := s.join(timetable, task.DefaultQueue, "other")
	if !other.Anchor.After(first.Anchor) {
		s.Errorf("another schedule has anchor %s, want one after %s", other.Anchor, first.Anchor)
	}
	s.leave(timetable, task.DefaultQueue, "s")
	s.leave(timetable, task.DefaultQueue, "other")
	s.leavesNothing()
}

func schedulesOfQueues(s *trial) {
	timetable := s.timetable()
	at := s.tickTime()
	for _, queue := range []string{"a", "b"} {
		tick := tickAt(at, queue)
		tick.Task.Queue = queue
		s.ticks(timetable, tick, true)
		if last := s.join(timetable, queue, "s").Last; !last.Equal(at) {
			s.Errorf("the schedule of queue %s has Last %s, want %s", queue, last, at)
		}
	}
	s.leave(timetable, "a", "s")
	if last := s.join(timetable, "b", "s").Last; !last.Equal(at) {
		s.Errorf("leaving a schedule in one queue left Last %s in another, want %s", last, at)
	}
}

func tickedOnce(s *trial) {
	timetable := s.timetable()
	at := s.tickTime()
	s.join(timetable, task.DefaultQueue, "s")
	s.ticks(timetable, tickAt(at, "first"), true)
	s.ticks(timetable, tickAt(at, "double"), false)
	if last := s.join(timetable, task.DefaultQueue, "s").Last; !last.Equal(at) {
		s.Errorf("Last is %s, want %s", last, at)
	}
	s.onlyTick(timetable, "s", "first")
}

func staleTick(s *trial) {
	timetable := s.timetable()
	at := s.tickTime()
	s.ticks(timetable, tickAt(at, "now"), true)
	s.ticks(timetable, tickAt(at.Add(-grain), "stale"), false)
	s.ticks(timetable, tickAt(at.Add(-long), "stale"), false)
	if last := s.join(timetable, task.DefaultQueue, "s").Last; !last.Equal(at) {
		s.Errorf("a stale tick has moved Last to %s, want %s", last, at)
	}
	s.ticks(timetable, tickAt(at.Add(grain), "next"), true)
	s.leave(timetable, task.DefaultQueue, "s")
	s.inOrder("now", "next")
}

// tickTogether has many callers take the same ticks at once, and checks that
// each is enqueued once.
func (s *trial) tickTogether(timetables ...broker.Timetable) {
	s.Helper()
	const ticks, callers = 5, 20
	at := s.tickTime()
	var taken [ticks]atomic.Int64
	start, done := make(chan struct{}), make(chan struct{}, callers)
	for caller := range callers {
		s.running.Go(func() {
			<-start
			for i := range ticks {
				got, err := timetables[caller%len(timetables)].Tick(s.ctx, tickAt(at.Add(time.Duration(i)*grain), "tick"))
				if err != nil {
					s.Errorf("Tick: %v", err)
				} else if got.Enqueued {
					taken[i].Add(1)
				}
			}
			done <- struct{}{}
		})
	}
	close(start)
	for range callers {
		<-done
	}
	total := 0
	for i := range taken {
		n := int(taken[i].Load())
		total += n
		if n > 1 {
			s.Errorf("tick %d was enqueued %d times", i, n)
		}
	}
	if taken[ticks-1].Load() != 1 {
		s.Errorf("the last tick was enqueued %d times, want once", taken[ticks-1].Load())
	}
	s.leave(timetables[0], task.DefaultQueue, "s")
	s.end(s.leases(total, ticks)...)
	s.leavesNothing()
}

func manyTickers(s *trial) { s.tickTogether(s.timetable()) }

func sharedSchedule(s *trial) {
	other := s.another()
	mine, its := s.timetable(), other.timetable()
	first := s.join(mine, task.DefaultQueue, "s")
	if second := other.join(its, task.DefaultQueue, "s"); !second.Anchor.Equal(first.Anchor) {
		s.Errorf("the second broker sees the anchor %s, want %s", second.Anchor, first.Anchor)
	}
	s.tickTogether(mine, its)
}

func tickWithUsedID(s *trial) {
	timetable := s.timetable()
	standing := newTask("standing")
	s.enqueue(standing)
	at := s.tickTime()
	tick := tickAt(at, "other")
	tick.Task.ID = standing.ID
	s.ticks(timetable, tick, false)
	s.ticks(timetable, tickAt(at, "double"), false)
	if last := s.join(timetable, task.DefaultQueue, "s").Last; !last.Equal(at) {
		s.Errorf("Last is %s, want %s", last, at)
	}
	s.onlyTick(timetable, "s", "standing")
}

func leaveForgets(s *trial) {
	timetable := s.timetable()
	s.leave(timetable, task.DefaultQueue, "unknown")
	first := s.join(timetable, task.DefaultQueue, "s")
	s.ticks(timetable, tickAt(first.Now, "first"), true)
	s.leave(timetable, task.DefaultQueue, "s")
	s.pass(5 * grain)
	again := s.join(timetable, task.DefaultQueue, "s")
	if !again.Anchor.After(first.Anchor) || !again.Last.IsZero() {
		s.Errorf("after Leave the schedule has anchor %s and Last %s, want a new anchor after %s and no tick", again.Anchor, again.Last, first.Anchor)
	}
	s.ticks(timetable, tickAt(first.Now, "second"), true)
	s.leave(timetable, task.DefaultQueue, "s")
	s.inOrder("first", "second")
}

func tickWakes(s *trial) {
	timetable := s.timetable()
	at := s.tickTime()
	s.wakes(s.request(s.worker(), 1), func(round int) {
		s.ticks(timetable, tickAt(at.Add(time.Duration(round)*grain), "tick"), true)
		s.leave(timetable, task.DefaultQueue, "s")
	})
}

func tickDueLater(s *trial) {
	timetable := s.timetable()
	at := s.tickTime()
	tick := tickAt(at, "later")
	tick.Task.RunAt = at.Add(2 * short)
	s.ticks(timetable, tick, true)
	s.ticks(timetable, tickAt(at, "double"), false)
	s.advance(2 * short)
	got := s.lease()
	s.as(timely).isNotEarly(got, tick.Task.RunAt)
	s.end(got)
	s.leave(timetable, task.DefaultQueue, "s")
	s.leavesNothing()
}

func badTick(s *trial) {
	timetable := s.timetable()
	at := s.tickTime()
	s.join(timetable, task.DefaultQueue, "s")
	bad := tickAt(at, "bad")
	bad.Task.Queue, bad.Task.Priority = task.DefaultQueue, 256
	_, err := timetable.Tick(s.ctx, bad)
	s.isFieldError(err, "Priority")
	for _, mode := range []task.UniqueMode{task.Debounce, task.Latest} {
		_, err := timetable.Tick(s.ctx, broker.Tick{Schedule: "s", At: at, Task: unique("bad", mode)})
		s.isFieldError(err, "Unique.Mode")
	}
	bad.Task = nil
	if _, err := timetable.Tick(s.ctx, bad); !errors.Is(err, task.ErrInvalid) {
		s.Errorf("Tick without a task returned error %v, want ErrInvalid", err)
	}
	if _, err := timetable.Tick(s.ctx, broker.Tick{At: at, Task: newTask("nameless")}); !errors.Is(err, task.ErrInvalid) {
		s.Errorf("Tick without a schedule returned error %v, want ErrInvalid", err)
	}
	if last := s.join(timetable, task.DefaultQueue, "s").Last; !last.IsZero() {
		s.Errorf("a refused tick is recorded: Last is %s", last)
	}
	s.ticks(timetable, tickAt(at, "good"), true)
	s.onlyTick(timetable, "s", "good")
}

func tickMayChange(s *trial) {
	timetable := s.timetable()
	tick := broker.Tick{Schedule: "s", At: s.tickTime(), Task: headed("kept")}
	s.ticks(timetable, tick, true)
	want := tick.Task.Clone()
	scribble(tick.Task)
	got := s.lease()
	s.same("the tick's task", got.Task, want)
	s.end(got)
	s.leave(timetable, task.DefaultQueue, "s")
	s.leavesNothing()
}

func schedulesSeeClock(s *trial) {
	s.needsAdvance()
	timetable := s.timetable()
	first := s.join(timetable, task.DefaultQueue, "s")
	s.advance(long)
	again := s.join(timetable, task.DefaultQueue, "s")
	if went := again.Now.Sub(first.Now); went < long || !again.Anchor.Equal(first.Anchor) {
		s.Errorf("the schedule's time went on by %v and its anchor by %v, want at least %v and 0", went, again.Anchor.Sub(first.Anchor), long)
	}
	got, err := timetable.Tick(s.ctx, tickAt(again.Now, "tick"))
	if err != nil || got.Now.Before(again.Now) {
		s.Errorf("Tick returned the time %s and error %v, want a time from %s on", got.Now, err, again.Now)
	}
	s.onlyTick(timetable, "s", "tick")
}
