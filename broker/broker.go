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

// MaxGatherBytes is how large the record of a group may grow: then it is full.
const MaxGatherBytes = 1 << 20

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
	// becomes scheduled, any other pending, and the caller's task says so.
	//
	// An ID already in use in the queue is refused with a
	// *task.DuplicateError, always: its Same tells that the record there is
	// the one that was to be enqueued, byte for byte, and that no attempt of it
	// has been answered for. Whether that makes the call a repeat is for the
	// caller to know. Only a broker that repeats a call of its own, after a lost
	// reply, must neither double a task nor refuse it, but answer what it was
	// answered. Enqueue returns once ctx ends, with its error.
	//
	// A task with Unique or Gather meets the lock of its LockKey, as package
	// task describes the modes. A refusal is a *task.DuplicateError with Unique
	// set and the ID of the lock's holder. A task that took the place of a
	// waiting one, or became a member of it, is taken, and the waiting one's ID
	// is written into the caller's task. One that is a member of it already is
	// refused with that ID, and Same. An ID in use is judged before the
	// lock, and leaves the lock as it was. Locks are judged and taken in the
	// step that writes the task.
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
	// A task that is parked waits for a worker that handles its name, and is
	// handed out to such a one as it is, before what is pending; but a call that
	// learns of a name may hand out pending ones first. A new call finds it at
	// once. Parking wakes a blocked call, or all that handle the name; if it was
	// one that does not, the others find the task as they look by themselves.
	// Parked tasks cost those who do not handle them nothing. See
	// LeaseRequest.Handles.
	//
	// Nothing but an attempt that was answered for (completed, failed, cancelled,
	// retrying, scheduled and not parked), an operator's Revise or a task that
	// takes its place forgets that workers were lost with a task: Deliveries
	// counts on over releases and parking.
	//
	// A paused queue hands out nothing. A lease whose Cancelled is set is of a
	// task that was to be cancelled while a former worker held it.
	//
	// Calls with the same Worker are made one after the other.
	Lease(ctx context.Context, req LeaseRequest) ([]Lease, error)

	// Extend makes the leases last for another duration from now. A lease
	// that another worker has taken over, or that was settled, is
	// task.ErrLeaseLost; one that has run out but that nobody has taken is
	// still held, and extended. One whose task is to be cancelled is
	// task.ErrCancelled, and still held and extended. Where a lease that is held
	// has Progress, that is what Inspector.Task shows from now on.
	Extend(ctx context.Context, leases []Lease, by time.Duration) []error

	// Settle ends the leases, each with what its task becomes. A lease that
	// is no longer held is task.ErrLeaseLost and changes nothing, except for
	// the repeat of a settlement whose reply was lost, which is answered as
	// the first one was: also if the caller repeats it, soon after a
	// task.ErrUnavailable. Settle checks and writes each outcome atomically.
	//
	// A task that is to be cancelled becomes cancelled, and is kept as long as
	// the cancellation said, whatever the outcome, unless that is completed.
	Settle(ctx context.Context, outcomes []Outcome) []error

	// Close ends every blocked call with task.ErrClosed, waits for the
	// broker's own goroutines and frees what it holds. Leases are left to
	// run out. A second Close does nothing.
	Close() error
}

// LeaseRequest says what a worker wants.
type LeaseRequest struct {
	// Worker is who asks. It is unique among all live workers: a jobsy.Server puts
	// a random part behind its name. What a call has been granted is handed out
	// again to the next call of that Worker if the reply was lost.
	Worker   string
	Queues   []string      // where to look; the preferred first
	Max      int           // 1 to MaxBatch
	Duration time.Duration // how long each lease lasts, at least a millisecond
	// Handles says whether the worker handles tasks of a name. It is asked about
	// the names of parked tasks alone, from the goroutine of the call and with no
	// lock held, is quick and may be asked at any time: its answer may be
	// remembered while the call lasts. One that panics or ends its goroutine says
	// no. Nil: it handles every name.
	Handles func(name string) bool
	// Last is MaxDeliveries of the worker: of the tasks whose Deliveries would
	// become Last, a call hands out one at most, over all its queues, for such a
	// task may be what its workers died of, and takes those with it that share
	// its process. Those that are left are due for others and, as far as this call is
	// concerned, not there: they neither end its wait nor hide what else there
	// is, up to a bound (1,000 a queue). Zero: no bound; 1 is refused, for with one
	// delivery each task would be such a one.
	Last int
	// NoLast, with Last, has the call hand out none of them: the worker holds
	// one already. Once that is settled the worker ends the call and makes
	// another one.
	NoLast bool
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
	// Lock is the LockKey of the task.
	Lock string
	// Cancelled tells that the task is to end as cancelled without a run.
	Cancelled bool
	// Progress is what Extend is to report of the task; nil: nothing.
	Progress *task.Progress
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
	//	scheduled: it is due again after Delay, at no cost (snoozed); see Parked;
	//	pending:   it is runnable at once, before others of its priority (released).
	//	           One that was delivered before becomes a lease that nobody holds,
	//	           runs out after Delay and counts one delivery less: a release
	//	           forgets no lost worker.
	Status task.Status
	// Parked, with Status scheduled, says that the worker has no handler for the
	// task's name: it waits without a time, until a worker leases that handles
	// the name. Lease.Task or Task has to be there, for the name. It counts as
	// scheduled wherever tasks are listed, counted or revised, with the RunAt
	// that it had. It is handed out next with the same Deliveries. One that takes
	// its place, or is made pending by an operator, is parked no more; a group
	// takes no more members.
	Parked bool
	// Task replaces the stored task. Nil leaves it as it is.
	Task *task.Task
	// Delay is how long a retrying or scheduled task waits, and a pending one
	// that was delivered before, by the broker's clock.
	Delay time.Duration
	// Keep is how long an ended task stays readable. Zero drops it at once.
	Keep time.Duration
}

// Inspector is what a broker offers to those who look in from outside. It is
// optional; both of Jobsy's brokers implement it. Every method may be called
// concurrently, and none blocks the hot path for long.
type Inspector interface {
	// Queues returns the names of the queues that are known, sorted. A queue
	// is known once a task was enqueued to it, and while it has a schedule.
	Queues(ctx context.Context) ([]string, error)
	// Counts returns how many tasks of the queue have each status. An
	// unknown queue has none.
	Counts(ctx context.Context, queue string) (map[task.Status]int, error)
	// Queue returns what else there is to know of a queue.
	Queue(ctx context.Context, queue string) (QueueInfo, error)
	// Task returns one task, or task.ErrNotFound. Status and, for a waiting
	// task, RunAt say where it stands now. One that waits for the end of
	// another, by task.Latest, has its own RunAt.
	Task(ctx context.Context, queue string, id uuid.UUID) (*task.Task, error)
	// Tasks returns up to limit tasks of one status, in the order in which
	// they will run, or, if they have ended, in which they will go. Cursor is
	// "" for the first page and what the last page returned for the next; ""
	// comes back with the last page. Tasks that move between two calls may
	// be missed or seen twice.
	Tasks(ctx context.Context, queue string, status task.Status, cursor string, limit int) (tasks []*task.Task, next string, err error)
}

// QueueInfo is what is known of a queue beside its tasks.
type QueueInfo struct {
	Paused bool
	// Dropped counts, by their status, the ended tasks that were dropped before
	// their time, because there were more than the broker's Bounds.
	Dropped map[task.Status]int
	// Oldest is for how long that task has been due that waits longest; 0: none
	// waits. Of pending tasks it looks at the first of each priority, of which a
	// broker may look at 32, and at their RunAt or EnqueuedAt, whichever is later.
	// The second is by the clock of the producer. One that has run before tells
	// nothing, for how long it was put off is not kept, nor one whose record a
	// broker finds too long to read: 64 KiB.
	Oldest time.Duration
}

// Bounds say how many ended tasks of each queue stay readable, and for how long
// at most. Beyond a count those that would go first are dropped, counted and
// logged.
type Bounds struct {
	Completed Bound // default: 100,000
	Failed    Bound // default: 10,000
	Cancelled Bound // default: 10,000
}

// Bound limits the ended tasks of one status in one queue.
type Bound struct {
	Count int           // zero: the default; -1: none is kept
	Age   time.Duration // the longest that one is kept; zero: as long as its Retention says
}

// Operator is what a broker offers to those who step in. It is optional; both of
// Jobsy's brokers implement it. Every method may be called concurrently.
type Operator interface {
	// Revise changes tasks of one queue, each by itself: the errors are as
	// those of Broker, and one is task.ErrNotFound for an unknown ID,
	// task.ErrRunning for a task that a worker holds and that the change does
	// not cancel, and task.ErrEnded for one that is to be cancelled but has
	// completed or failed. A change that alters nothing is no error. The
	// caller splits what exceeds MaxBatch.
	Revise(ctx context.Context, queue string, ids []uuid.UUID, change Change) []error
	// Pause has the queue hand out nothing until it is resumed. Enqueuing and
	// settling go on, and leases that are held are kept.
	Pause(ctx context.Context, queue string) error
	// Resume ends a pause.
	Resume(ctx context.Context, queue string) error
}

// Change is what becomes of revised tasks. At most one of the fields Status and
// Delete may be set. Priority and Payload go with Status pending, or with
// neither; Delay and Spacing with Status pending.
type Change struct {
	// Status is what the tasks become. "": they stay what they are.
	//
	//	cancelled: waiting ones have ended; running ones are told, by
	//	           Notifier.News and Extend, and end when settled;
	//	pending:   they are due after Delay; ended ones begin anew, with Attempt,
	//	           Snoozes and Excused 0, and their History and LastError as they
	//	           were.
	//
	// An ended task with a Unique that excludes others by UntilStarted or
	// UntilEnded takes its lock again, or gets a *task.DuplicateError.
	Status task.Status
	// Delete removes them, whether they wait or have ended.
	Delete bool
	// Delay and Spacing say when they are due, with Status pending: the first
	// after Delay, each further one Spacing later.
	Delay, Spacing time.Duration
	// Keep is how long they stay readable, with Status cancelled.
	Keep time.Duration
	// Priority is their new one. Zero: as it was. A pending task keeps its turn.
	Priority task.Priority
	// Payload is their new one. Nil: as it was. While a task that has not ended
	// is unique by its payload it is refused with a *task.FieldError: see Suits.
	Payload []byte
}

// Notifier is what a broker offers to those who wait for news. It is optional;
// both of Jobsy's brokers implement it. Every method may be called concurrently.
type Notifier interface {
	// Wait returns a task once it has ended, as Inspector.Task would. It blocks
	// and does not poll. A task that has ended and gone is task.ErrNotFound;
	// one that somebody waits for when it ends stays readable for a minute at
	// least.
	Wait(ctx context.Context, queue string, id uuid.UUID) (*task.Task, error)
	// News tells the listener of what happens in the queues from now on, until
	// ctx ends, whose error it returns. It may miss some, when a connection was
	// lost: Extend tells of the cancellations among it.
	News(ctx context.Context, queues []string, listener Listener) error
}

// Listener is told of news, one at a time, and is quick. What is nil is not
// called.
type Listener struct {
	// Cancelled: a running task is to be cancelled.
	Cancelled func(queue string, id uuid.UUID)
	// Paused: a queue was paused, perhaps not for the first time. What was
	// leased and has not begun is to be handed back.
	Paused func(queue string)
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
	// Its Status stays empty if it is not enqueued.
	//
	// A tick whose task is Unique counts as taken, too, if the lock of its
	// LockKey has a holder that still excludes others, by whatever mode.
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
	// IgnoreDelayed, with NoOverlap, has a task count as ended that is not due:
	// it waits for a retry, or was put off. A parked one has not ended.
	IgnoreDelayed bool
}

// Ticked says what became of a tick.
type Ticked struct {
	Enqueued bool      // false: taken before, or skipped
	Now      time.Time // by the broker's clock
	// Behind is the task for which the tick was skipped: that of the tick
	// before, by NoOverlap, or the holder of the lock that the tick's task would
	// take. Zero: none.
	Behind uuid.UUID
}
