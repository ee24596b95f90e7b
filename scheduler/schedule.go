package scheduler

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/task"
)

// Headers that every task of a schedule carries.
const (
	HeaderSchedule = "jobsy-schedule" // the schedule's ID
	HeaderTick     = "jobsy-tick"     // the tick, as in 2006-01-02T15:04:05.000Z
)

const tickFormat = "2006-01-02T15:04:05.000Z07:00"

// namespace makes the ID of a tick's task, by UUIDv5 of "schedule@ms". It never
// changes: it is how two processes name the same tick alike.
var namespace = uuid.UUID{
	0x9b, 0x1c, 0x4e, 0x52, 0x6f, 0x0d, 0x4d, 0x3a,
	0x8e, 0x77, 0x21, 0x5a, 0xc4, 0x90, 0xb3, 0xe6,
}

// OverlapPolicy says what becomes of a tick while the task of the tick before it
// has not ended. With retries that may take hours: the log says for which task
// ticks pass, and broker.ScheduleInfo.LastTask is that task.
type OverlapPolicy string

// The overlap policies.
const (
	OverlapAllow OverlapPolicy = "allow" // enqueue it all the same
	OverlapSkip  OverlapPolicy = "skip"  // the tick passes without a task
	// OverlapBusy is OverlapSkip while that task runs, or is to run now. One that
	// waits for a retry, or was snoozed, keeps no tick away, and may run beside
	// the next one's task then.
	OverlapBusy OverlapPolicy = "busy"
)

// Schedule is a task and when it is enqueued. A zero field that is not said to
// be required stands for its default.
type Schedule struct {
	// ID names the schedule within the queue of its task. Processes that give
	// the same ID run the same schedule. 1 to 255 bytes of UTF-8 without
	// control characters. Required.
	ID string
	// Spec says when it ticks, as the package comment describes. Required.
	Spec string
	// Task is what each tick enqueues a copy of, with an ID of its own, RunAt
	// at the tick, and the headers HeaderSchedule and HeaderTick. It may be
	// Unique by a mode that refuses: while another task holds its lock, ticks
	// pass without a task. Required.
	Task *task.Task
	// Location is the time zone of a Spec that names none. Default:
	// Options.Location.
	Location *time.Location
	// Missed says what becomes of missed ticks. Default: Options.Missed.
	Missed MissedPolicy
	// MaxMissed is how many missed ticks MissedAll makes up for, 1 to 1000.
	// Default: Options.MaxMissed.
	MaxMissed int
	// Overlap says whether a tick waits for the end of the last one's task.
	// Default: Options.Overlap.
	Overlap OverlapPolicy

	// Next is the tick to come, by the broker's clock. Zero while the
	// scheduler does not run or has not reached the broker. Add ignores it.
	Next time.Time
	// Last is the last tick taken, by whichever process, as far as this one
	// knows. Zero: none. Add ignores it.
	Last time.Time
}

// fill writes the scheduler's defaults into zero fields.
func (s *Schedule) fill(o *Options) {
	if s.Location == nil {
		s.Location = o.Location
	}
	if s.Missed == "" {
		s.Missed = o.Missed
	}
	if s.MaxMissed == 0 {
		s.MaxMissed = o.MaxMissed
	}
	if s.Overlap == "" {
		s.Overlap = o.Overlap
	}
	s.Next, s.Last = time.Time{}, time.Time{}
}

// tickTask returns the task of one tick.
func (s *Schedule) tickTask(at time.Time) *task.Task {
	t := s.Task.Clone()
	t.ID = uuid.NewSHA1(namespace, fmt.Appendf(nil, "%s@%d", s.ID, at.UnixMilli()))
	t.RunAt, t.EnqueuedAt = at, time.Time{}
	if t.Headers == nil {
		t.Headers = make(map[string]string, 2)
	}
	t.Headers[HeaderSchedule] = s.ID
	t.Headers[HeaderTick] = at.UTC().Format(tickFormat)
	return t
}

// checkPolicies returns a *task.FieldError unless the policies are known or
// empty, and the count is within bounds or zero.
func checkPolicies(prefix string, missed MissedPolicy, most int, overlap OverlapPolicy) error {
	switch missed {
	case "", MissedOne, MissedSkip, MissedAll:
	default:
		return &task.FieldError{Field: prefix + "Missed", Rule: "must be one, skip or all", Value: shorten(string(missed))}
	}
	if most < 0 || most > limitMissed {
		rule := fmt.Sprintf("must be 0 for the default, or 1 to %d", limitMissed)
		return &task.FieldError{Field: prefix + "MaxMissed", Rule: rule, Value: fmt.Sprint(most)}
	}
	switch overlap {
	case "", OverlapAllow, OverlapSkip, OverlapBusy:
	default:
		return &task.FieldError{Field: prefix + "Overlap", Rule: "must be allow, skip or busy", Value: shorten(string(overlap))}
	}
	return nil
}

// shorten quotes the beginning of an offending text.
func shorten(text string) string { return fmt.Sprintf("%.60q", text) }
