package scheduler

import (
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

// Upcoming returns the next ticks of a spec after a time, at most n of them:
// fewer if there are no more. Zone is for a spec that names none; nil: UTC. Anchor
// is when the schedule was joined first, which intervals are counted from. The
// error is a *task.FieldError for a spec that is not understood.
func Upcoming(spec string, zone *time.Location, anchor, after time.Time, n int) ([]time.Time, error) {
	if n < 0 {
		return nil, &task.FieldError{Field: "n", Rule: "must not be negative"}
	}
	if zone == nil {
		zone = time.UTC
	}
	timing, err := parseSpec(spec, zone)
	if err != nil {
		return nil, err
	}
	var ticks []time.Time
	for range n {
		if after = timing.next(anchor, after); after.IsZero() {
			break
		}
		ticks = append(ticks, after)
	}
	return ticks, nil
}
