// Package broker holds the contract between Jobsy and what keeps its tasks,
// for those who write a broker. Users of Jobsy meet it only as the argument of
// NewClient and NewServer. The suite in brokertest shows whether a broker
// keeps the contract.
package broker

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/task"
)

// MaxBatch is the most tasks, leases or outcomes that one call may carry.
// Callers with more split them.
const MaxBatch = 1000

// Broker keeps tasks between those who enqueue and those who run them.
//
// Every method may be called concurrently. A broker keeps neither the slices
// nor the tasks it is given, and what it returns belongs to the caller. Due
// times and leases are judged by the broker's own clock, never by the
// caller's. Each method acts on every element by itself: the slice of errors
// it returns is nil when all went well, and else has one entry an element.
// When the broker cannot be reached, the entries are task.ErrUnavailable, and
// whether it has acted is then unknown. After Close they are task.ErrClosed.
type Broker interface {
	// Enqueue takes the tasks, in order. It calls Prepare on each, which
	// writes defaults into the caller's task, and refuses what Prepare
	// refuses with its *task.FieldError. A task whose RunAt has not come
	// becomes scheduled, any other pending.
	//
	// An ID already in use in the queue is refused with a
	// *task.DuplicateError, unless the task there is identical and no attempt
	// of it has been answered for: enqueuing again what was enqueued is no
	// conflict, and has no effect. A broker that
	// repeats a call of its own by itself, after a lost reply, must neither
	// double a task nor refuse it. Enqueue returns once ctx ends, with its
	// error.
	Enqueue(ctx context.Context, tasks []*task.Task) []error

	// Lease hands out up to Max tasks of the named queues to one worker,
	// each for Duration. It blocks until there is at least one or ctx ends,
	// whose error it then returns. It does not poll. Leases that it has
	// drawn when ctx ends are returned, not dropped. Errors are returned at
	// once; the caller waits and calls again.
	//
	// Within a queue the order is: leases that have run out, the oldest
	// first; then by priority, the greater first; then first-in first-out.
	// A task is never leased before it is due. Queues named earlier are
	// preferred, but a call may take its tasks from any of them.
	//
	// There is no other recovery than this: a lease whose time has passed is
	// leasable again, with a greater token and Deliveries one higher, and a
	// due task is promoted by the call that leases it.
	//
	// A record that cannot be decoded, or an id without a record, is never
	// returned: it is set aside as failed, with the reason in LastError.
	//
	// Calls with the same Worker are made one after the other.
	Lease(ctx context.Context, req LeaseRequest) ([]Lease, error)

	// Extend makes the leases last for another duration from now. A lease
	// that another worker has taken over, or that was settled, is
	// task.ErrLeaseLost; one that has run out but that nobody has taken is
	// still held, and extended.
	Extend(ctx context.Context, leases []Lease, by time.Duration) []error

	// Settle ends the leases, each with what its task becomes. A lease that
	// is no longer held is task.ErrLeaseLost and changes nothing, except for
	// the repeat of a settlement whose reply was lost, which is answered as
	// the first one was. Settle checks and writes each outcome atomically.
	Settle(ctx context.Context, outcomes []Outcome) []error

	// Close ends every blocked call with task.ErrClosed, waits for the
	// broker's own goroutines and frees what it holds. Leases are left to
	// run out. A second Close does nothing.
	Close() error
}

// LeaseRequest says what a worker wants.
type LeaseRequest struct {
	Worker   string        // who asks; unique among all live workers
	Queues   []string      // where to look; the preferred first
	Max      int           // 1 to MaxBatch
	Duration time.Duration // how long each lease lasts, at least a millisecond
}

// Lease is the right to run a task until it expires. Holding it means that
// nobody has leased the task since.
type Lease struct {
	// Task is the leased task as it is stored, Status running, with
	// Deliveries, Token, Worker and StartedAt set for this lease. Attempt is
	// left as stored: the worker counts.
	Task *task.Task
	// Queue, ID, Deliveries and Token identify the lease to the broker, and
	// Priority is where its task belongs. They repeat what the task says,
	// which a handler may have changed.
	Queue      string
	ID         uuid.UUID
	Deliveries int
	Token      int64
	Priority   task.Priority
	// Expires is when the lease runs out by this process's clock, or a
	// little earlier.
	Expires time.Time
}

// Outcome is how a lease ends.
type Outcome struct {
	Lease Lease
	// Status is what the task becomes:
	//
	//	completed, failed, cancelled: it has ended, and stays readable for Keep;
	//	retrying:  it is due again after Delay;
	//	scheduled: it is due again after Delay, at no cost (snoozed);
	//	pending:   it is runnable at once, before others of its priority (released).
	Status task.Status
	// Task replaces the stored task. Nil leaves it as it is.
	Task *task.Task
	// Delay is how long a retrying or scheduled task waits, by the broker's
	// clock.
	Delay time.Duration
	// Keep is how long an ended task stays readable. Zero drops it at once.
	Keep time.Duration
}

// Inspector is what a broker offers to those who look in from outside. It is
// optional; both of Jobsy's brokers implement it. Every method may be called
// concurrently, and none blocks the hot path for long.
type Inspector interface {
	// Queues returns the names of the queues that are known, sorted. A queue
	// is known once a task was enqueued to it.
	Queues(ctx context.Context) ([]string, error)
	// Counts returns how many tasks of the queue have each status. An
	// unknown queue has none.
	Counts(ctx context.Context, queue string) (map[task.Status]int, error)
	// Task returns one task, or task.ErrNotFound. Status and, for a waiting
	// task, RunAt say where it stands now.
	Task(ctx context.Context, queue string, id uuid.UUID) (*task.Task, error)
	// Tasks returns up to limit tasks of one status, in the order in which
	// they will run, or, if they have ended, in which they will go. Cursor is
	// "" for the first page and what the last page returned for the next; ""
	// comes back with the last page. Tasks that move between two calls may
	// be missed or seen twice.
	Tasks(ctx context.Context, queue string, status task.Status, cursor string, limit int) (tasks []*task.Task, next string, err error)
}

// Timetable is what a broker offers to schedules: a memory of which ticks were
// taken, so that any number of processes may run the same schedule without a
// leader. It is optional; both of Jobsy's brokers implement it. Every method
// may be called concurrently. A schedule belongs to the queue of its task.
type Timetable interface {
	// Join returns what is known of a schedule. The first call ever records
	// the broker's time as its anchor.
	Join(ctx context.Context, queue, schedule string) (ScheduleState, error)
	// Tick enqueues the tick's task, and records the tick as taken, unless
	// it or a later one was taken before. Both happen or neither. The task
	// is checked as Enqueue checks it; that its ID is in use counts as taken.
	Tick(ctx context.Context, tick Tick) (Ticked, error)
	// Leave forgets a schedule. An unknown one is no error.
	Leave(ctx context.Context, queue, schedule string) error
}

// ScheduleState is what a broker knows of a schedule.
type ScheduleState struct {
	Now    time.Time // by the broker's clock
	Anchor time.Time // when the schedule was joined first
	Last   time.Time // the last tick taken; zero: none yet
}

// Tick is one tick of a schedule.
type Tick struct {
	Schedule string
	At       time.Time // the tick, in whole milliseconds
	Task     *task.Task
	// NoOverlap takes the tick without enqueuing the task while the task of
	// the tick before has not ended.
	NoOverlap bool
}

// Ticked says what became of a tick.
type Ticked struct {
	Enqueued bool      // false: taken before, or skipped for an overlap
	Now      time.Time // by the broker's clock
}
