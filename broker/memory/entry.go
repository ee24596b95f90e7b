package memory

import (
	"bytes"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/task"
)

// entry is a task and where it stands. Its task belongs to the broker alone;
// its Status says in which heap or list of the queue the entry is.
type entry struct {
	task       *task.Task
	storageID  uuid.UUID
	queue      *queue
	turn       int64 // orders the tasks of one priority
	released   bool  // goes before those that were not
	answered   bool  // an attempt of it was answered for
	awaited    bool  // somebody waited for its end: it stays readable a minute
	doomed     bool  // to be cancelled, and kept for
	doomedKeep time.Duration
	hold       *hold           // its lock, if it has one
	waiters    []chan struct{} // of those who wait for its end

	key        key    // of a waiting task: when it is due; running: expires; ended: goes
	place      int    // in its heap
	prev, next *entry // in its list of ended tasks
}

const (
	turnBits   = 53
	turnOfAll  = 1 << turnBits // added to the turn of what was not released
	rankOfPrio = turnBits + 1
)

// rank orders by priority, the greater first; released tasks before others; and
// by turn.
func (e *entry) rank() int64 {
	priority := min(max(e.task.Priority, 0), task.MaxPriority)
	rank := int64(task.MaxPriority-priority)<<rankOfPrio | e.turn
	if !e.released {
		rank |= turnOfAll
	}
	return rank
}

// overdue reports whether it has ended and its retention has passed.
func (e *entry) overdue(now int64) bool {
	return e.task.Status.Ended() && e.key.at <= now
}

// is reports whether the prepared task t is the one that was enqueued, and no
// attempt was answered for.
func (e *entry) is(t *task.Task) bool {
	if e.answered {
		return false
	}
	enqueued := *e.task
	if broker.Prepare(&enqueued) != nil { // clears what the broker has recorded
		return false
	}
	return bytes.Equal(record.Encode(&enqueued), record.Encode(t))
}

// standing returns a copy that says where the task stands.
func (e *entry) standing() *task.Task {
	t := e.task.Clone()
	if delayed(t.Status) && !e.waitsForAnother() && !e.parked() {
		t.RunAt = time.Unix(0, e.key.at)
	}
	return t
}

// waitsForAnother reports whether it may be due only once another task has ended.
func (e *entry) waitsForAnother() bool {
	return e.task.Unique.Mode == task.Latest && e.key.at >= held && !e.parked()
}

// delayed reports whether a task of that status waits for its time.
func delayed(status task.Status) bool {
	return status == task.StatusScheduled || status == task.StatusRetrying
}

// nanos returns the time in nanoseconds since 1970. The zero time is 0.
func nanos(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixNano()
}

// after returns the time d from now. It does not overflow.
func after(now time.Time, d time.Duration) int64 {
	at := now.UnixNano()
	later := at + int64(max(d, 0))
	if later < at {
		return never
	}
	return later
}
