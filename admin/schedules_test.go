package admin_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/scheduler"
	"github.com/nex-gen-tech/jobsy/task"
)

// scheduled is the feature's schedule, if its plan is known.
func (f *feature) scheduled() *admin.ScheduleStatus {
	f.Helper()
	found, next, err := f.admin.Schedules(f.Context(), f.queue, "", 10)
	f.must(err)
	if len(found) == 0 || found[0].Spec == "" || next != "" {
		return nil
	}
	return &found[0]
}

func listSchedules(f *feature) {
	s := scheduler.New(f.broker, nil)
	work := f.task("tick")
	f.must(s.Cron("nightly", "CRON_TZ=Europe/Berlin 0 3 * * *", work))
	ctx, cancel := context.WithCancel(f.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	f.eventually("the schedule is listed", func() bool { return f.scheduled() != nil })
	cancel()
	f.must(<-ended)
	got := f.scheduled()
	if ahead := got.Next.Sub(got.Now); got.Name != "nightly" || got.Missed != "one" || got.Overdue != 0 || ahead <= 0 || ahead > 25*time.Hour || got.Paused {
		f.Errorf("listed as %+v", got)
	}
	f.must(f.admin.PauseSchedule(f.Context(), f.queue, "nightly"))
	if !f.scheduled().Paused {
		f.Error("it is not paused")
	}
	f.must(f.admin.ResumeSchedule(f.Context(), f.queue, "nightly"))
	if f.scheduled().Paused {
		f.Error("it is still paused")
	}
	run, err := f.admin.RunSchedule(f.Context(), f.queue, "nightly")
	f.must(err)
	if found := f.get(run, task.StatusPending); string(found.Payload) != "tick" || found.Headers[scheduler.HeaderSchedule] != "nightly" || found.ID == work.ID {
		f.Errorf("it runs as %+v", found)
	}
	if err := f.admin.PauseSchedule(f.Context(), f.queue, "unknown"); !errors.Is(err, task.ErrNotFound) {
		f.Errorf("pausing an unknown schedule: %v", err)
	}
	if _, err := f.admin.RunSchedule(f.Context(), f.queue, "unknown"); !errors.Is(err, task.ErrNotFound) {
		f.Errorf("running an unknown schedule: %v", err)
	}
}

func overdueSchedule(f *feature) {
	timetable, planner := f.broker.(broker.Timetable), f.broker.(broker.Planner)
	state, err := timetable.Join(f.Context(), f.queue, "often")
	f.must(err)
	f.must(planner.Plan(f.Context(), f.queue, "often", broker.Plan{Spec: "@every 1ms", Task: f.task("")}))
	f.eventually("ticks have passed", func() bool { return f.scheduled().Overdue == 100 })
	if got := f.scheduled(); !got.Anchor.Equal(state.Anchor) || !got.Next.After(got.Now) {
		f.Errorf("listed as %+v", got)
	}
}

func removeSchedule(f *feature) {
	timetable, planner := f.broker.(broker.Timetable), f.broker.(broker.Planner)
	_, err := timetable.Join(f.Context(), f.queue, "old")
	f.must(err)
	f.must(planner.Plan(f.Context(), f.queue, "old", broker.Plan{Spec: "@every 1h", Task: f.task("")}))
	if f.scheduled() == nil {
		f.Fatal("it is not listed")
	}
	f.must(f.admin.PauseSchedule(f.Context(), f.queue, "old"))
	f.must(f.admin.RemoveSchedule(f.Context(), f.queue, "old"))
	if got := f.scheduled(); got != nil {
		f.Errorf("still listed as %+v", got)
	}
	f.must(f.admin.RemoveSchedule(f.Context(), f.queue, "old"))
	ticked, err := timetable.Tick(f.Context(), broker.Tick{Schedule: "old", At: time.Now(), Task: f.task("")})
	f.must(err)
	if found, _, err := f.admin.Schedules(f.Context(), f.queue, "", 10); !ticked.Enqueued || err != nil || len(found) != 1 || found[0].Paused || found[0].Spec != "" {
		f.Errorf("after the tick of a process that still runs it: %+v, listed as %+v, %v; want it as a new one", ticked, found, err)
	}
}

// A schedule can be paused, for every process, and run beside its ticks.
func ExampleClient_PauseSchedule() {
	ctx, cancel := context.WithCancel(context.Background())
	b := memory.New(nil)
	operator := admin.New(b, nil)
	s := scheduler.New(b, nil)
	_ = s.Cron("report", "0 9 * * MON-FRI", task.New("report", nil))
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	for operator.PauseSchedule(ctx, "", "report") != nil { // until it is known
		<-time.After(time.Millisecond)
	}
	cancel()
	fmt.Println(<-ended)
	schedules, _, _ := operator.Schedules(context.Background(), "", "", 10)
	fmt.Println(schedules[0].Name, schedules[0].Spec, "paused:", schedules[0].Paused)
	t, err := operator.RunSchedule(context.Background(), "", "report")
	fmt.Println(t.Name, t.Headers[scheduler.HeaderSchedule], err)
	// Output:
	// <nil>
	// report 0 9 * * MON-FRI paused: true
	// report report <nil>
}
