package scheduler

import (
	"context"
	"errors"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// plan notes with the broker what the schedule does, for those who look in, and
// returns since when it has its spec: now, if the broker knows it with another
// one. Ticks do not depend on it, so a failure is only a line in the log.
func (s *Scheduler) plan(ctx context.Context, e *entry, state broker.ScheduleState) (since time.Time) {
	planner, ok := s.table.(broker.Planner)
	if !ok {
		return time.Time{}
	}
	plan := broker.Plan{
		Spec: e.Spec, Location: e.Location.String(), Missed: string(e.Missed), Overlap: string(e.Overlap), Task: e.Task,
		Set: e.set, Since: state.Anchor,
	}
	known, err := planner.Schedule(ctx, e.queue, e.ID)
	switch {
	case errors.Is(err, task.ErrNotFound): // it was left meanwhile
		return time.Time{}
	case err != nil || known.Task == nil:
	case known.Spec == plan.Spec && known.Location == plan.Location:
		plan.Since = known.Since
	default:
		plan.Since = state.Now.Truncate(time.Millisecond)
	}
	if err == nil {
		err = planner.Plan(ctx, e.queue, e.ID, plan)
	}
	if err != nil {
		s.log.Debug("what a schedule does is not noted", "schedule", e.ID, "error", err)
	}
	return plan.Since
}
