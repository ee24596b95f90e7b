package scheduler

import (
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

// timing says when a schedule ticks.
type timing interface {
	// next returns the first tick after a time, or zero if there is none.
	// anchor is when the schedule was first run anywhere. Ticks are whole
	// milliseconds.
	next(anchor, after time.Time) time.Time
}

// interval ticks at the anchor plus each multiple of itself.
type interval time.Duration

func (i interval) next(anchor, after time.Time) time.Time {
	start, every := anchor.UnixMilli(), time.Duration(i).Milliseconds()
	passed := max(after.UnixMilli()-start, 0) / every
	return time.UnixMilli(start + (passed+1)*every).UTC()
}

// checkInterval returns a *task.FieldError unless d can be kept in milliseconds.
func checkInterval(field string, d time.Duration) error {
	if d < time.Millisecond || d%time.Millisecond != 0 {
		return &task.FieldError{Field: field, Rule: "must be at least 1ms, in whole milliseconds", Value: d.String()}
	}
	return nil
}
