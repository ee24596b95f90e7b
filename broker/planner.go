package broker

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/task"
)

// Planner is what a broker offers to those who look after schedules. It is
// optional; both of Jobsy's brokers implement it, beside Timetable. Every method
// may be called concurrently, and does a bounded amount of work. An unknown
// schedule is task.ErrNotFound, but for Plan.
type Planner interface {
	// Plan notes what a schedule does, for those who look in. The last to say
	// so is right. It does nothing for a schedule that nobody has joined.
	Plan(ctx context.Context, queue, schedule string, plan Plan) error
	// Schedules returns about limit schedules of a queue, 1 to MaxBatch, in no
	// order. The cursor is as that of Monitor.Servers.
	Schedules(ctx context.Context, queue, cursor string, limit int) (schedules []ScheduleInfo, next string, err error)
	// Schedule returns one schedule.
	Schedule(ctx context.Context, queue, schedule string) (ScheduleInfo, error)
	// PauseSchedule has the ticks of a schedule pass without their tasks, in
	// every process, until it is resumed: a tick counts as taken then, and is
	// not made up for.
	PauseSchedule(ctx context.Context, queue, schedule string) error
	// ResumeSchedule ends a pause.
	ResumeSchedule(ctx context.Context, queue, schedule string) error
	// Forget is Timetable.Leave for a schedule that nobody runs: it does
	// nothing if the last tick taken is no more the one given, zero for none,
	// and reports whether it has forgotten the schedule.
	Forget(ctx context.Context, queue, schedule string, last time.Time) (bool, error)
}

// Plan is what a schedule does.
type Plan struct {
	Spec     string     // as package scheduler has it
	Location string     // the time zone of a Spec that names none; "": UTC
	Missed   string     // what becomes of missed ticks
	Overlap  string     // whether a tick waits for the end of the last one's task
	Task     *task.Task // what each tick enqueues a copy of
	// Set is what the schedule was synced as one of: see scheduler.Sync. "":
	// none.
	Set string
	// Since is when the schedule got its Spec and Location, by the broker's
	// clock, in milliseconds: its ticks before that are not missed. Zero: not
	// known.
	Since time.Time
}

// ScheduleInfo is what is known of a schedule.
type ScheduleInfo struct {
	Queue, Name string
	ScheduleState
	Paused bool
	// LastTask is the last one that was enqueued for a tick. It may have ended,
	// and be gone. Zero: none.
	LastTask uuid.UUID
	Plan     // zero while nobody has said so
}

// Check returns a *task.FieldError unless a schedule can be noted to do this.
func (p *Plan) Check() error {
	if p.Task == nil {
		return &task.FieldError{Field: "Plan.Task", Rule: "must not be nil"}
	}
	return nil
}
