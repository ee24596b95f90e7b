package task

import "time"

// UniqueMode says how a task and others with its key exclude each other.
type UniqueMode int

// A newcomer meets a lock if a task with its key holds one; what happens then is
// up to the holder's mode. A lock whose holder has ended or is gone is void.
const (
	// NotUnique tasks hold no lock.
	NotUnique UniqueMode = iota
	// UntilStarted refuses newcomers while the task waits for its first run.
	UntilStarted
	// UntilEnded refuses newcomers until the task has ended, however often it
	// is retried and however long it runs.
	UntilEnded
	// Throttle refuses newcomers for the duration For, counted from when the
	// task was enqueued, whatever becomes of it.
	Throttle
	// Debounce has a task wait until no newcomer came for the duration For. A
	// newcomer takes the waiting one's place: the task keeps its ID and gets
	// all else from the newcomer. At Limit after the first at the latest it is
	// due. Once it has started, the next newcomer begins anew.
	Debounce
	// Latest keeps one task running and one waiting. A newcomer takes the
	// waiting one's place as with Debounce; the waiting one starts when the
	// running one has ended.
	Latest
)

// Unique makes a task exclude others of its queue with the same key. The zero
// value excludes none.
//
// A refused task gets ErrDuplicate, as a *DuplicateError with the ID of the one
// that stands. A task that takes a waiting one's place is no duplicate: Enqueue
// writes the ID of the one that stands into it.
type Unique struct {
	Mode UniqueMode
	// Key is what tasks of one queue share that exclude each other, whatever
	// their names. At most 512 bytes. Default: the name and the payload; with
	// Debounce and Latest the name alone.
	Key string
	// For is the duration of Throttle and Debounce, which need it.
	For time.Duration
	// Limit is the most that newcomers can put a task off with Debounce,
	// counted from the first. Default: no limit.
	Limit time.Duration
}

// Gather makes tasks of one queue with the same key wait for each other, to be
// run together: the first keeps its ID, and those that follow become its
// Members, which Enqueue says by writing its ID into them. They run, are
// retried and end as one task. Once it has started, or is full, the next
// newcomer begins a group of its own. The zero value gathers nothing.
type Gather struct {
	// Key is what the tasks share. 1 to 512 bytes; empty: not gathered.
	Key string
	// Size is how many tasks make the group full, so that it runs at once. 2
	// to 1000. Default: 100. A group of 1 MiB is full, too.
	Size int
	// Delay is the most that the first task waits. Default: 1 minute.
	Delay time.Duration
	// Quiet is how long the group waits for a next task. Default: as long as
	// Delay.
	Quiet time.Duration
}

// What a zero field of Gather means.
const (
	DefaultGatherSize  = 100
	DefaultGatherDelay = time.Minute
)

// MaxGatherSize is the greatest Size of a Gather.
const MaxGatherSize = 1000
