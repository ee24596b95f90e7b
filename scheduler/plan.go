package scheduler

import (
	"context"

	"github.com/nex-gen-tech/jobsy/broker"
)

// plan notes with the broker what the schedule does, for those who look in. It
// does not matter to the ticks, so a failure is only a line in the log.
func (s *Scheduler) plan(ctx context.Context, e *entry) {
	planner, ok := s.table.(broker.Planner)
	if !ok {
		return
	}
	plan := broker.Plan{
		Spec: e.Spec, Location: e.Location.String(), Missed: string(e.Missed), Overlap: string(e.Overlap), Task: e.Task,
	}
	if err := planner.Plan(ctx, e.queue, e.ID, plan); err != nil {
		s.log.Debug("what a schedule does is not noted", "schedule", e.ID, "error", err)
	}
}
