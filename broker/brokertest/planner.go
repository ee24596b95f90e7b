package brokertest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func plannerRules() []rule {
	return []rule{
		{observed, "a schedule is listed with its plan", schedulesListed},
		{observed, "pages show every schedule of a queue", schedulePages},
		{observed, "a schedule that was left is forgotten with its plan and its pause", plansForgotten},
		{obeyed, "the ticks of a paused schedule pass without their tasks", pausedSchedule},
		{observed, "the caller may change a plan afterwards", planMayChange},
		{observed, "a queue with a schedule is known without a task", queueOfASchedule},
		{observed, "Forget forgets a schedule unless it has ticked", forgetsUnlessTicked},
		{whole, "a bad question about schedules is refused", badPlanning},
	}
}

func (s *trial) planner() broker.Planner {
	s.Helper()
	planner, ok := s.broker.(broker.Planner)
	if !ok {
		s.Skip("the broker is no broker.Planner")
	}
	return planner
}

func (s *trial) schedule(queue, name string) broker.ScheduleInfo {
	s.Helper()
	info, err := s.planner().Schedule(s.ctx, queue, name)
	if err != nil {
		s.Fatalf("Schedule: %v", err)
	}
	return info
}

// schedules returns the names of all that are listed, sorted.
func (s *trial) schedules(queue string, limit int) []string {
	s.Helper()
	var names []string
	for cursor, pages := "", 0; ; pages++ {
		page, next, err := s.planner().Schedules(s.ctx, queue, cursor, limit)
		if err != nil || pages > 1000 {
			s.Fatalf("Schedules returned error %v after %d pages", err, pages)
		}
		for _, info := range page {
			names = append(names, info.Name)
		}
		if cursor = next; cursor == "" {
			slices.Sort(names)
			return slices.Compact(names)
		}
	}
}

func planOf(t *task.Task) broker.Plan {
	return broker.Plan{
		Spec: "0 9 * * *", Location: "Europe/Berlin", Missed: "one", Overlap: "skip", Task: t,
		Set: "nightly", Since: time.UnixMilli(1_700_000_000_123),
	}
}

func schedulesListed(s *trial) {
	planner, timetable := s.planner(), s.timetable()
	state := s.join(timetable, task.DefaultQueue, "s")
	if info := s.schedule(task.DefaultQueue, "s"); info.Task != nil || info.Spec != "" || info.Paused || info.LastTask != uuid.Nil {
		s.Errorf("a schedule without a plan is listed as %+v", info)
	}
	sample := newTaskOf("sample", 200)
	sample.Headers = map[string]string{"a": "b"}
	for _, spec := range []string{"old", "0 9 * * *"} {
		plan := planOf(sample)
		plan.Spec = spec
		if err := planner.Plan(s.ctx, task.DefaultQueue, "s", plan); err != nil {
			s.Fatalf("Plan: %v", err)
		}
	}
	at := s.tickTime()
	tick := tickAt(at, "tick")
	s.ticks(timetable, tick, true)
	info := s.schedule(task.DefaultQueue, "s")
	want := planOf(nil)
	got := info.Plan
	if got.Task = nil; !got.Since.Equal(want.Since) {
		s.Errorf("listed since %s, want %s", got.Since, want.Since)
	}
	got.Since = want.Since // perhaps of another zone
	if info.LastTask != tick.Task.ID {
		s.Errorf("listed with the last task %s, want %s", info.LastTask, tick.Task.ID)
	}
	if got != want || info.Queue != task.DefaultQueue || info.Name != "s" || !info.Last.Equal(at) || !info.Anchor.Equal(state.Anchor) {
		s.Errorf("listed as %+v, want %+v", info, want)
	}
	if t := info.Task; t == nil || string(t.Payload) != "sample" || t.Name != sample.Name || t.Priority != 200 || t.Headers["a"] != "b" || t.ID != uuid.Nil {
		s.Errorf("its task is %+v, want that of the plan without an ID", t)
	}
	if now := s.now(); info.Now.Before(at) || info.Now.After(now.Add(grain)) {
		s.Errorf("listed at %s, want the broker's time", info.Now)
	}
}

func schedulePages(s *trial) {
	timetable := s.timetable()
	s.planner()
	s.join(timetable, "other", "elsewhere")
	var want []string
	for i := range 25 {
		name := fmt.Sprintf("schedule-%02d", i)
		s.join(timetable, "q", name)
		want = append(want, name)
	}
	if got := s.schedules("q", 4); !slices.Equal(got, want) {
		s.Errorf("the pages show %v, want %v", got, want)
	}
	if got := s.schedules("none", 4); len(got) != 0 {
		s.Errorf("a queue without schedules shows %v", got)
	}
}

func plansForgotten(s *trial) {
	planner, timetable := s.planner(), s.timetable()
	if err := planner.Plan(s.ctx, "q", "s", planOf(newTask("early"))); err != nil {
		s.Errorf("Plan of a schedule that nobody has joined: %v", err)
	}
	s.join(timetable, "q", "s")
	if info := s.schedule("q", "s"); info.Task != nil {
		s.Errorf("a plan was noted before its schedule was joined")
	}
	if err := errors.Join(planner.Plan(s.ctx, "q", "s", planOf(newTask("x"))), planner.PauseSchedule(s.ctx, "q", "s")); err != nil {
		s.Fatalf("plan and pause: %v", err)
	}
	s.leave(timetable, "q", "s")
	if _, err := planner.Schedule(s.ctx, "q", "s"); !errors.Is(err, task.ErrNotFound) {
		s.Errorf("a schedule that was left: error %v, want task.ErrNotFound", err)
	}
	s.join(timetable, "q", "s")
	if info := s.schedule("q", "s"); info.Task != nil || info.Paused {
		s.Errorf("joined anew it is %+v, want no plan and no pause", info)
	}
	s.leave(timetable, "q", "s")
	s.leavesNothing("q")
}

func pausedSchedule(s *trial) {
	planner, timetable := s.planner(), s.timetable()
	s.join(timetable, task.DefaultQueue, "s")
	at := s.tickTime()
	for range 2 {
		if err := planner.PauseSchedule(s.ctx, task.DefaultQueue, "s"); err != nil {
			s.Fatalf("PauseSchedule: %v", err)
		}
	}
	if !s.schedule(task.DefaultQueue, "s").Paused {
		s.Errorf("a paused schedule is not listed as paused")
	}
	s.ticks(timetable, tickAt(at, "paused"), false)
	s.nothing()
	if last := s.schedule(task.DefaultQueue, "s").Last; !last.Equal(at) {
		s.Errorf("a tick that passed counts as not taken: Last is %s, want %s", last, at)
	}
	for range 2 {
		if err := planner.ResumeSchedule(s.ctx, task.DefaultQueue, "s"); err != nil {
			s.Fatalf("ResumeSchedule: %v", err)
		}
	}
	s.ticks(timetable, tickAt(at, "passed"), false)
	s.ticks(timetable, tickAt(at.Add(time.Second), "resumed"), true)
	if s.schedule(task.DefaultQueue, "s").Paused {
		s.Errorf("a schedule that was resumed is listed as paused")
	}
}

func planMayChange(s *trial) {
	planner, timetable := s.planner(), s.timetable()
	s.join(timetable, task.DefaultQueue, "s")
	sample := newTask("as it was")
	if err := planner.Plan(s.ctx, task.DefaultQueue, "s", planOf(sample)); err != nil {
		s.Fatalf("Plan: %v", err)
	}
	sample.Name = "changed"
	s.schedule(task.DefaultQueue, "s").Task.Name = "changed"
	if got := s.schedule(task.DefaultQueue, "s").Task.Name; got != "brokertest" {
		s.Errorf("the plan has changed to a task named %q", got)
	}
}

func queueOfASchedule(s *trial) {
	timetable, inspector := s.timetable(), s.inspector()
	s.planner()
	s.join(timetable, "idle", "s")
	if queues, err := inspector.Queues(s.ctx); err != nil || !slices.Contains(queues, "idle") {
		s.Errorf("the queues are %v, %v, want the one that has a schedule", queues, err)
	}
	s.leave(timetable, "idle", "s")
	s.leavesNothing("idle")
}

func forgetsUnlessTicked(s *trial) {
	planner, timetable := s.planner(), s.timetable()
	forget := func(last time.Time, want bool) {
		s.Helper()
		if gone, err := planner.Forget(s.ctx, "q", "s", last); err != nil || gone != want {
			s.Errorf("Forget with the last tick %s returned %v, %v, want %v", last, gone, err, want)
		}
	}
	forget(time.Time{}, false)
	at := s.tickTime()
	for _, last := range []time.Time{{}, at} {
		s.join(timetable, "q", "s")
		if !last.IsZero() {
			tick := tickAt(at, "tick")
			tick.Task.Queue = "q"
			s.ticks(timetable, tick, true)
			forget(time.Time{}, false)
		}
		forget(at.Add(-grain), false)
		if err := errors.Join(planner.Plan(s.ctx, "q", "s", planOf(newTask("x"))), planner.PauseSchedule(s.ctx, "q", "s")); err != nil {
			s.Fatalf("plan and pause: %v", err)
		}
		forget(last, true)
		if _, err := planner.Schedule(s.ctx, "q", "s"); !errors.Is(err, task.ErrNotFound) {
			s.Errorf("a schedule that was forgotten: error %v, want task.ErrNotFound", err)
		}
	}
	s.end(s.leaseAs(broker.LeaseRequest{Worker: s.worker(), Queues: []string{"q"}, Max: 1, Duration: long}))
	s.leavesNothing("q")
}

func badPlanning(s *trial) {
	planner := s.planner()
	_, _, limit := planner.Schedules(s.ctx, "q", "", 0)
	_, _, cursor := planner.Schedules(s.ctx, "q", "no cursor", 1)
	_, _, queue := planner.Schedules(s.ctx, "", "", 1)
	_, name := planner.Schedule(s.ctx, "q", "")
	_, forget := planner.Forget(s.ctx, "q", "", time.Time{})
	for what, err := range map[string]error{
		"a limit of 0": limit, "a bad cursor": cursor, "no queue": queue, "no name": name, "nothing to forget": forget,
		"a plan without a task": planner.Plan(s.ctx, "q", "s", broker.Plan{}),
		"a pause without name":  planner.PauseSchedule(s.ctx, "q", ""),
	} {
		if !errors.Is(err, task.ErrInvalid) {
			s.Errorf("%s: error %v, want task.ErrInvalid", what, err)
		}
	}
	_, unknown := planner.Schedule(s.ctx, "q", "s")
	for what, err := range map[string]error{
		"Schedule": unknown, "PauseSchedule": planner.PauseSchedule(s.ctx, "q", "s"), "ResumeSchedule": planner.ResumeSchedule(s.ctx, "q", "s"),
	} {
		if !errors.Is(err, task.ErrNotFound) {
			s.Errorf("%s of an unknown schedule: error %v, want task.ErrNotFound", what, err)
		}
	}
}
