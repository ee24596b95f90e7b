package jobsy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/scheduler"
	"github.com/nex-gen-tech/jobsy/storage"
	"github.com/nex-gen-tech/jobsy/task"
)

// DefaultRetention is how long the tasks of a Worker stay readable after they
// have completed.
const DefaultRetention = 10 * time.Minute

// WorkerOptions are what a Worker can be told. The zero value of each field is
// its default.
type WorkerOptions struct {
	// Concurrency is how many functions run at once. Default:
	// DefaultConcurrency, 10.
	Concurrency int
	// Timeout bounds one attempt of a task. Default: task.DefaultTimeout, 30
	// minutes; -1: no bound.
	Timeout time.Duration
	// Priority of the tasks. Default: task.MediumPriority.
	Priority task.Priority
	// MaxRetry is how often a task runs again after its function failed.
	// Default: task.DefaultMaxRetry, 25; -1: never.
	MaxRetry int
	// Storage keeps the tasks of the in-memory broker over a restart. It
	// cannot be combined with Broker. Default: none.
	Storage storage.Storage
	// Broker is where the tasks live. Default: an in-memory one of the
	// Worker's own.
	Broker broker.Broker
	// Retention is how long a completed task stays readable by GetTaskStatus
	// and GetAllTasks. One that failed stays for a week at least. Default:
	// DefaultRetention, 10 minutes; -1: not at all.
	Retention time.Duration
	// Backoff says how long a task waits after a failed attempt. Default:
	// task.DefaultBackoff.
	Backoff task.Backoff
	// Client are the options of the worker's client. Its Use is around
	// everything that the worker enqueues: the tasks of RunNow and RunAt, the
	// ticks of RunEvery and Schedule, and what its Client does. Default: those
	// of NewClient.
	Client *ClientOptions
	// Logger gets what operators should know. Default: silent.
	Logger *slog.Logger
}

// TaskOptions are what one task can be told. The zero value of each field
// leaves what the WorkerOptions say.
type TaskOptions struct {
	MaxRetry int           // -1: no retry
	TimeOut  time.Duration // of one attempt; -1: no bound
	Priority task.Priority
}

// Worker runs functions in the background: client, server and scheduler in one,
// for a program that runs its own work. Its methods are safe for concurrent use,
// before Start as well as after.
//
// A function cannot travel, but its name can. On the in-memory broker each task
// runs the function it was made with. A task that comes from elsewhere, left in
// a Storage by a former process or in a shared Broker by another one, runs the
// function that this process has registered last under the task's name; on a
// shared Broker the name decides for every task, for any process may run it. So
// there, one name must mean one function in all processes; Register gives it
// one without enqueuing a task. Until some process knows the name, the task
// waits. A schedule on a shared Broker is known by its name too, and runs once a
// tick among all processes that have it.
//
// A function gets no context, so nothing can interrupt it: one that outlives its
// timeout keeps its slot until it returns, and its attempt has then failed,
// whatever it returned.
type Worker struct {
	opts      WorkerOptions
	optErr    error
	broker    broker.Broker
	shared    bool
	client    *Client
	server    *Server
	scheduler *scheduler.Scheduler
	functions functions
	recurring recurring

	mu      sync.Mutex
	started bool
	done    chan struct{} // closed when Start returns
}

// NewWorker returns a worker. Nil opts are the defaults. Invalid options surface
// in every other call.
func NewWorker(opts *WorkerOptions) *Worker {
	if opts == nil {
		opts = &WorkerOptions{}
	}
	w := &Worker{opts: *opts, optErr: opts.check(), broker: opts.Broker, shared: opts.Broker != nil, done: make(chan struct{})}
	if !w.shared {
		w.broker = memory.New(&memory.Options{Storage: opts.Storage, Logger: opts.Logger})
	}
	w.server = newServer(w.broker, &ServerOptions{
		Concurrency: opts.Concurrency, Backoff: opts.Backoff, Client: opts.Client, Logger: opts.Logger,
	}, w.function, w.functions.forget)
	w.client = w.server.client
	w.functions.learned = w.server.engine.Reconsider
	w.scheduler = scheduler.New(w.broker, &scheduler.Options{Use: opts.use(), Logger: opts.Logger})
	if w.optErr == nil {
		w.optErr = w.client.optErr
	}
	orDefault(&w.opts.Retention, DefaultRetention)
	return w
}

func (o *WorkerOptions) use() []EnqueueMiddleware {
	if o.Client == nil {
		return nil
	}
	return o.Client.Use
}

func (o *WorkerOptions) check() error {
	if o.Concurrency < 0 {
		return &task.FieldError{Field: "WorkerOptions.Concurrency", Rule: "must not be negative", Value: strconv.Itoa(o.Concurrency)}
	}
	if o.Storage != nil && o.Broker != nil {
		return &task.FieldError{Field: "WorkerOptions.Storage", Rule: "cannot be combined with Broker"}
	}
	return errors.Join(
		broker.CheckDuration("WorkerOptions.Timeout", o.Timeout),
		broker.CheckPriority("WorkerOptions.Priority", o.Priority),
		broker.CheckMaxRetry("WorkerOptions.MaxRetry", o.MaxRetry),
		broker.CheckDuration("WorkerOptions.Retention", o.Retention),
	)
}

// Start works until ctx ends, then lets running functions finish and returns:
// see Server.Run. A worker starts once; a second call returns task.ErrStarted.
func (w *Worker) Start(ctx context.Context) error {
	if w.optErr != nil {
		return w.optErr
	}
	w.mu.Lock()
	if w.started {
		w.mu.Unlock()
		return task.ErrStarted
	}
	w.started = true
	w.mu.Unlock()
	defer close(w.done)

	ticking := make(chan error, 1)
	go func() { ticking <- w.tick(ctx) }()
	return errors.Join(w.server.Run(ctx), <-ticking)
}

// tick runs the schedules. A broker without a timetable has refused them all.
func (w *Worker) tick(ctx context.Context) error {
	if _, ok := w.broker.(broker.Timetable); !ok {
		return nil
	}
	return w.scheduler.Run(ctx)
}

// WaitForShutdown waits until Start has returned, at most for timeout, and
// reports whether it has by a nil error. The context of Start has to end first.
// A worker that was not started has nothing to wait for.
func (w *Worker) WaitForShutdown(timeout time.Duration) error {
	w.mu.Lock()
	started := w.started
	w.mu.Unlock()
	if !started || within(timeout, w.done) {
		return nil
	}
	return fmt.Errorf("worker still runs %s after it was told to stop", timeout)
}

// Client returns a client of the worker's broker, for tasks with a payload or
// fields that TaskOptions lack. Register their functions.
func (w *Worker) Client() *Client { return w.client }

// Register makes fn the function of every task of that name, without enqueuing
// one.
func (w *Worker) Register(name string, fn func() error) error {
	if err := checkFunction(name, fn); err != nil {
		return err
	}
	w.functions.name(name, fn)
	return nil
}

func checkFunction(name string, fn func() error) error {
	if err := broker.CheckName("name", name); err != nil {
		return err
	}
	if fn == nil {
		return &task.FieldError{Field: "function", Rule: "must not be nil", Value: "nil for " + strconv.Quote(name)}
	}
	return nil
}

// RunNow runs fn as soon as a slot is free. It may be called before Start. The
// task it returns is a snapshot: GetTaskStatus tells how it goes on.
func (w *Worker) RunNow(name string, fn func() error, opts ...TaskOptions) (*task.Task, error) {
	return w.RunAt(name, fn, time.Time{}, opts...)
}

// RunAt runs fn at the given time or, if that has passed, now.
func (w *Worker) RunAt(name string, fn func() error, at time.Time, opts ...TaskOptions) (*task.Task, error) {
	t, err := w.newTask(name, fn, opts)
	if err != nil {
		return nil, err
	}
	t.RunAt = at
	if w.shared {
		w.functions.name(name, fn)
	} else {
		w.functions.add(t.ID, name, fn)
	}
	if err := w.client.Enqueue(context.Background(), t); err != nil {
		w.functions.forget(t)
		return nil, err
	}
	return t, nil
}

// RunEvery runs fn each interval, the first time one interval from now. A tick
// that comes while the last run goes on runs beside it. The task it returns
// stands for the schedule: each tick is a task of its own.
func (w *Worker) RunEvery(name string, fn func() error, interval time.Duration, opts ...TaskOptions) (*task.Task, error) {
	return w.recur(name, fn, opts, func(id string, t *task.Task) error {
		return w.scheduler.Every(id, interval, t)
	})
}

// Schedule runs fn by a cron spec, such as "*/5 * * * *", "@hourly" or
// "CRON_TZ=Europe/Berlin 0 9 * * *"; a leading sixth field gives seconds. Times
// are UTC unless the spec says otherwise. The task it returns stands for the
// schedule: each tick is a task of its own.
func (w *Worker) Schedule(name string, fn func() error, spec string, opts ...TaskOptions) (*task.Task, error) {
	return w.recur(name, fn, opts, func(id string, t *task.Task) error {
		return w.scheduler.Cron(id, spec, t)
	})
}

func (w *Worker) recur(name string, fn func() error, opts []TaskOptions, add func(string, *task.Task) error) (*task.Task, error) {
	t, err := w.newTask(name, fn, opts)
	if err != nil {
		return nil, err
	}
	if err := broker.Prepare(t); err != nil {
		return nil, err
	}
	schedule := t.ID.String()
	if w.shared {
		schedule = name
	}
	if err := w.functions.addSchedule(schedule, name, fn, func() error { return add(schedule, t) }); err != nil {
		return nil, err
	}
	t.Status = task.StatusScheduled
	w.recurring.add(schedule, t)
	return t.Clone(), nil
}

func (w *Worker) newTask(name string, fn func() error, opts []TaskOptions) (*task.Task, error) {
	if w.optErr != nil {
		return nil, w.optErr
	}
	if err := checkFunction(name, fn); err != nil {
		return nil, err
	}
	t := task.New(name, nil)
	t.MaxRetry, t.Timeout, t.Priority = w.opts.MaxRetry, w.opts.Timeout, w.opts.Priority
	t.Retention = max(w.opts.Retention, 0)
	for _, o := range opts {
		if err := o.check(); err != nil {
			return nil, err
		}
		override(&t.MaxRetry, o.MaxRetry)
		override(&t.Timeout, o.TimeOut)
		override(&t.Priority, o.Priority)
	}
	return t, nil
}

func (o TaskOptions) check() error {
	return errors.Join(
		broker.CheckMaxRetry("TaskOptions.MaxRetry", o.MaxRetry),
		broker.CheckDuration("TaskOptions.TimeOut", o.TimeOut),
		broker.CheckPriority("TaskOptions.Priority", o.Priority),
	)
}

func override[T comparable](field *T, value T) {
	var zero T
	if value != zero {
		*field = value
	}
}

// GetTaskStatus returns where a task stands, or task.ErrNotFound: it never was,
// or ended longer ago than its retention.
func (w *Worker) GetTaskStatus(id uuid.UUID) (task.Status, error) {
	if t := w.recurring.find(id); t != nil {
		return t.Status, nil
	}
	inspector, err := w.inspector()
	if err != nil {
		return "", err
	}
	t, err := inspector.Task(context.Background(), task.DefaultQueue, id)
	if err != nil {
		return "", err
	}
	return t.Status, nil
}

// GetAllTasks returns every task that is readable: those that wait or run, those
// that have ended within their retention, and one for each schedule.
func (w *Worker) GetAllTasks() ([]*task.Task, error) {
	inspector, err := w.inspector()
	if err != nil {
		return nil, err
	}
	tasks := w.recurring.all()
	for _, status := range task.Statuses() {
		for cursor, first := "", true; first || cursor != ""; first = false {
			page, next, err := inspector.Tasks(context.Background(), task.DefaultQueue, status, cursor, broker.MaxBatch)
			if err != nil {
				return nil, err
			}
			tasks, cursor = append(tasks, page...), next
		}
	}
	return tasks, nil
}

func (w *Worker) inspector() (broker.Inspector, error) {
	if w.optErr != nil {
		return nil, w.optErr
	}
	inspector, ok := w.broker.(broker.Inspector)
	if !ok {
		return nil, fmt.Errorf("tasks cannot be read: %T is no broker.Inspector", w.broker)
	}
	return inspector, nil
}

// within reports whether done is closed before d has passed.
func within(d time.Duration, done <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
