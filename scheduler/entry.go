package scheduler

import (
	"reflect"
	"time"

	"github.com/google/uuid"
)

// entry is a schedule and how far it has come. It is either in the agenda, or
// called for by one goroutine, which alone changes it then. All changes are made
// under the scheduler's lock.
type entry struct {
	Schedule
	queue  string
	set    string // of Sync; "": it was added
	timing timing

	begun    time.Time // when this process began to run it, by its own clock
	joined   bool      // anchor and after are known
	anchor   time.Time
	after    time.Time // every tick up to here is done with
	failures int       // of calls, in a row
	behind   uuid.UUID // the task for which the last tick was skipped

	wake  time.Time // when it needs a call, by this process's clock
	place int       // in the agenda; -1: not in it
}

func (e *entry) tickAfter(t time.Time) time.Time { return e.timing.next(e.anchor, t) }

// same reports whether two entries are one schedule that has not changed.
func (e *entry) same(other *entry) bool {
	epoch := time.Unix(0, 0)
	return e.set == other.set && e.queue == other.queue && e.Spec == other.Spec && e.Location.String() == other.Location.String() &&
		e.Missed == other.Missed && e.MaxMissed == other.MaxMissed && e.Overlap == other.Overlap &&
		reflect.DeepEqual(e.tickTask(epoch), other.tickTask(epoch))
}

// reset forgets what holds only while the scheduler runs.
func (e *entry) reset(now time.Time) {
	e.begun, e.wake = now, now
	e.joined, e.failures = false, 0
	e.anchor, e.after, e.Next = time.Time{}, time.Time{}, time.Time{}
}

// join sets out from what the broker knows. since is when the schedule got its
// spec, and began when this process began to run it, by the broker's clock. A
// schedule that is joined again goes on from where it was, though perhaps on
// another grid: the broker may have lost its memory.
func (e *entry) join(anchor, last, since, began time.Time) {
	e.joined, e.anchor, e.Last = true, anchor, later(e.Last, last)
	from := e.after
	if from.IsZero() {
		from = later(anchor, since)
		if e.Missed == MissedSkip {
			from = later(from, began.Add(-time.Millisecond))
		}
	}
	e.advance(later(from, last))
}

// advance is done with the ticks up to t.
func (e *entry) advance(t time.Time) {
	e.after, e.Next = t, e.tickAfter(t)
}

// due returns the tick to take now, after those that the policy passes over.
func (e *entry) due(now time.Time) (time.Time, bool) {
	if e.Next.IsZero() || e.Next.After(now) {
		return time.Time{}, false
	}
	n := 1
	if e.Missed == MissedAll {
		n = e.MaxMissed
	}
	return oldestOf(n, e.Next, now, e.tickAfter), true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
