// Package memory is the broker that keeps tasks in this process: Jobsy's
// default. With a storage.Storage behind it they outlive the process.
//
// What is left once everything has ended and its retention has passed is the
// names of the queues that ever held a task, how many ended tasks of each were
// dropped before their time, the pauses that were not ended, the schedules
// that were joined and not left, and for a day the figures.
package memory

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/storage"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	// sweepBatch is how many overdue tasks a call drops, besides one for each
	// task that the call itself is about.
	sweepBatch = 100
	// sparePeak is the most tasks a queue may have held for its memory to be
	// used again.
	sparePeak = 1024
)

// Options of a Broker. The zero value of each field is its default.
type Options struct {
	// Storage keeps the tasks over a restart. Each change is written to it
	// before it counts, one at a time and in the order of the changes: those
	// who change tasks take turns, task by task. Nobody else waits for a slow
	// storage. What it fails to do is task.ErrUnavailable, and the storage's
	// error; so is a panic in it. Enqueue, Lease and Settle save or delete each
	// of their tasks; LoadTask and UpdateTaskStatus are not called. Schedules,
	// pauses, locks of Throttle whose task is gone, and that a running task is
	// to be cancelled are not kept. Default: none.
	//
	// A stored task says in RunAt when it is due and, once it has ended, in
	// Retention how long it is kept. Where an ID is in use in several queues,
	// the storage has the later tasks under other IDs, with their own in the
	// header "jobsy:id". The header "jobsy:since" says in nanoseconds since 1970
	// since when a task has the lock of Debounce, Throttle or Gather.
	Storage storage.Storage
	// Logger gets warnings: ended tasks dropped before their time, malformed
	// tasks, what the storage failed to load or to delete, and a clock that was
	// set. It is told how many tasks were loaded, too. Default: silent.
	Logger *slog.Logger
	// Bounds say how many ended tasks of each queue stay readable. Beyond a
	// count those that would go first are dropped. Default: see broker.Bounds.
	Bounds broker.Bounds
	// Gone is told of each task that is not there any more, for whatever reason:
	// its retention has passed, it was deleted or moved. It is called with the
	// broker locked, so it must be quick, and must not call the broker. Default:
	// nobody is told.
	Gone func(queue string, id uuid.UUID)
}

// Broker keeps tasks in memory. It implements broker.Broker and all the
// optional interfaces beside it, and is safe for concurrent use.
//
// Without a storage it has no goroutines: the calls do all the work, and drop what
// is overdue by the way. With one there is a goroutine that loads, and one for each
// call of the storage. Its clock is time.Now, so it works inside testing/synctest.
// Tokens start from that clock too, in microseconds, so that they grow over a
// restart. When the clock is set, or the machine sleeps, what is due at a time is
// due when the clock says so; a lease lasts for as long as the process runs. The
// broker learns of it from the next call, a server's heartbeat at the latest.
//
// No call but Lease and Wait blocks, except for a storage. While that loads, or is
// busy with another call, those who wait for it return when their context ends; a
// call that is itself in the storage waits for the answer.
type Broker struct {
	storage storage.Storage // may be nil
	log     *slog.Logger
	bounds  broker.Bounds
	loading *loading                         // nil without a storage
	done    chan struct{}                    // closed by Close
	pen     pen                              // held by those who change tasks, before the lock
	gone    func(queue string, id uuid.UUID) // may be nil

	lock      sync.Mutex // guards the rest, and is not held while the storage works
	closed    bool
	clock     clock
	ahead     int64             // the time when the process began, by the clock as it is set
	counter   int64             // the order number or token drawn last
	queues    map[string]*queue // those that hold a task
	known     map[string]struct{}
	books     books
	retained  retained            // the ended tasks of all queues, by when they go
	lobbies   map[string][]*lobby // of the queues that callers wait for
	schedules map[scheduleID]*schedule
	holds     map[holdID]*hold // locks of Unique and Gather
	lapses    lapses
	paused    map[string]struct{}
	dropped   map[string]map[task.Status]int
	listeners map[*listener]struct{}
	servers   map[string]broker.ServerInfo
	figures   map[string]*figures // by queue
	tidied    int64               // the last minute in which figures were let go of
	touched   []*queue            // what this call has changed
	spare     *queue              // a forgotten one, to be used again
	spares    sync.Pool           // memory of a *task.Task that was settled
}

var (
	_ broker.Broker    = (*Broker)(nil)
	_ broker.Inspector = (*Broker)(nil)
	_ broker.Timetable = (*Broker)(nil)
	_ broker.Operator  = (*Broker)(nil)
	_ broker.Notifier  = (*Broker)(nil)
	_ broker.Monitor   = (*Broker)(nil)
	_ broker.Planner   = (*Broker)(nil)
)

// New returns a broker with the tasks that its storage holds. Nil options are
// the zero value. The tasks are loaded in the background, and calls wait until they
// are there. When the storage cannot be read, it is asked again, every five seconds
// at the latest, and until then every call but Close answers with that error, which
// is task.ErrUnavailable.
//
// What a former process was running is leasable at once, with one more delivery
// counted. Pending tasks of one priority are in the order of their EnqueuedAt,
// then of their ID. Ended tasks are kept for what remains of their Retention, by
// default of a day from their end. A malformed task is set aside as failed, with
// its record as the payload, and is kept for a week.
func New(opts *Options) *Broker {
	if opts == nil {
		opts = &Options{}
	}
	b := &Broker{
		storage:   opts.Storage,
		log:       opts.Logger,
		bounds:    opts.Bounds,
		gone:      opts.Gone,
		done:      make(chan struct{}),
		queues:    make(map[string]*queue),
		known:     make(map[string]struct{}),
		lobbies:   make(map[string][]*lobby),
		schedules: make(map[scheduleID]*schedule),
		holds:     make(map[holdID]*hold),
		paused:    make(map[string]struct{}),
		dropped:   make(map[string]map[task.Status]int),
		listeners: make(map[*listener]struct{}),
		clock:     system(),
		servers:   make(map[string]broker.ServerInfo),
		figures:   make(map[string]*figures),
		spares:    sync.Pool{New: func() any { return new(task.Task) }},
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	now, _ := b.clock()
	b.ahead = now.UnixNano()
	b.counter = max(now.UnixMicro(), 0)
	if b.storage != nil {
		b.pen = make(pen, 1)
		b.books = newBooks()
		b.loading = newLoading()
		b.loading.work.Go(b.loadUntilDone)
	}
	return b
}

// Close implements broker.Broker. Tasks stay in the storage, if there is one;
// those it shows as running are leasable again for the next broker. Close waits for
// the call that the storage is busy with, so that the next broker may use it.
func (b *Broker) Close() error {
	if err := b.made(); err != nil {
		return err
	}
	b.lock.Lock()
	closed := b.closed
	b.closed = true
	b.lock.Unlock()
	if closed {
		return nil
	}
	close(b.done)
	b.loading.wait()
	_ = b.pen.take(context.Background(), nil)
	defer b.pen.putDown()
	b.lock.Lock()
	defer b.lock.Unlock()
	b.queues, b.known, b.books, b.schedules = nil, nil, books{}, nil
	b.retained, b.spare = nil, nil
	b.holds, b.lapses = nil, nil
	return nil
}

// made returns an error unless the broker was made by New.
func (b *Broker) made() error {
	if b == nil || b.done == nil {
		return &task.FieldError{Field: "memory.Broker", Rule: "must be made by New"}
	}
	return nil
}

// ready waits until the tasks of the storage are there.
func (b *Broker) ready(ctx context.Context) error {
	if err := b.made(); err != nil || b.loading == nil {
		return err
	}
	return b.loading.ready(ctx, b.done)
}

// enter locks the broker for one call, and tells its time. With an error it is
// not locked. A call that changes tasks writes instead.
func (b *Broker) enter(ctx context.Context) (time.Time, error) {
	if err := b.ready(ctx); err != nil {
		return time.Time{}, err
	}
	return b.begin()
}

// begin is enter for a call that has waited for whatever it has to wait for.
func (b *Broker) begin() (time.Time, error) {
	b.lock.Lock()
	if b.closed {
		b.lock.Unlock()
		return time.Time{}, task.ErrClosed
	}
	return b.now(), nil
}

// exit ends a call that was about n tasks: it drops what is overdue, wakes
// those who wait for what has changed, and unlocks.
func (b *Broker) exit(now time.Time, n int) {
	b.sweep(now.UnixNano(), sweepBatch+n)
	b.sweepLocks(now.UnixNano(), sweepBatch+n)
	for _, q := range b.touched {
		q.touched = false
		if len(q.tasks) == 0 {
			b.forget(q, now)
		} else {
			b.wake(q)
		}
	}
	clear(b.touched)
	b.touched = b.touched[:0]
	b.lock.Unlock()
}

// touch notes that something about the queue has changed.
func (b *Broker) touch(q *queue) {
	if !q.touched {
		q.touched = true
		b.touched = append(b.touched, q)
	}
}

// draw returns the next number: of a task's turn, or a token.
func (b *Broker) draw() int64 {
	b.counter++
	return b.counter
}
