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
	// OnFailed is called after a task has ended as failed: see
	// ServerOptions.OnFailed. Default: nobody is told.
	OnFailed func(ctx context.Context, t *task.Task, err error)
	// Logger gets what operators should know. Default: silent.
	Logger *slog.Logger
}

// TaskOptions are what one task can be told. The zero value of each field
// leaves what the WorkerOptions say.
type TaskOptions struct {
	MaxRetry int           // -1: no retry
	TimeOut  time.Duration // of one attempt; -1: no bound
	Priority task.Priority
	// Overlap says what becomes of a tick of RunEvery or Schedule while the task
	// of the tick before has not ended: it may wait, run, or wait for a retry.
	// Default: scheduler.OverlapSkip, the tick passes. With
	// scheduler.OverlapAllow tasks of an interval that is shorter than its
	// function takes pile up. RunNow and RunAt refuse it.
	Overlap scheduler.OverlapPolicy
}

// Worker runs functions in the background: client, server and scheduler in one,
// for a program that runs its own work. Its methods are safe for concurrent use,
// before Start as well as after.
//
// A task runs the function it was made with, however often, and never that of
// another task of its name. The function is kept, with all that it holds, until
// its task is not readable any more: see Retention.
//
// A name that was given a function by Register or HandleFunc means that function.
// RunNow and the like then take nil in place of one, and use none that they are
// given. It is also what tasks run that have none of their own: those that came by
// the Client, with a payload perhaps, and those of a former process. Where a task
// has neither, it waits, as scheduled and with a line in the log, until its name is
// registered.
//
// A function cannot be stored nor sent, only its name can. So, with a Storage, a
// task that was made with a function of its own runs it in this process, and after
// a restart what Register says: what has to survive is registered, takes its
// arguments from a payload, and is enqueued by the Client. With a Broker, any
// process may run any task, so RunNow and RunAt refuse names that are not
// registered. With either, a schedule is known by its name: there is one of a name,
// it registers its function, and it runs once a tick among all processes that have
// it.
//
// A function without a context cannot be interrupted: one that outlives its timeout
// keeps its slot until it returns, and its attempt has then failed, whatever it
// returned.
type Worker struct {
	opts      WorkerOptions
	optErr    error
	broker    broker.Broker
	home      *memory.Broker // if it is the worker's own
	durable   bool           // tasks may outlive this process, or run in another
	client    *Client
	server    *Server
	scheduler *scheduler.Scheduler
	functions functions

	mu       sync.Mutex
	stopping <-chan struct{} // closed when Start is told to end; nil before it begins
	done     chan struct{}   // closed when Start returns
}

// NewWorker returns a worker. Nil opts are the defaults. Invalid options surface
// in every other call.
func NewWorker(opts *WorkerOptions) *Worker {
	if opts == nil {
		opts = &WorkerOptions{}
	}
	w := &Worker{opts: *opts, optErr: opts.check(), broker: opts.Broker, done: make(chan struct{})}
	w.durable = opts.Broker != nil || opts.Storage != nil
	w.functions.byName, w.functions.lends = w.durable, opts.Broker == nil
	ticks := opts.Broker
	if opts.Broker == nil {
		w.home = memory.New(&memory.Options{Storage: opts.Storage, Logger: opts.Logger, Gone: w.functions.gone})
		w.broker, ticks = w.home, &timetable{w.home, &w.functions}
	}
	w.server = newServer(w.broker, &ServerOptions{
		Concurrency: opts.Concurrency, Backoff: opts.Backoff, OnFailed: opts.OnFailed, Client: opts.Client, Logger: opts.Logger,
	}, &ownFunctions{has: w.functions.has})
	w.server.own.run = w.paced(w.functions.run)
	w.client = w.server.client
	w.scheduler = scheduler.New(ticks, &scheduler.Options{Use: opts.use(), Logger: opts.Logger})
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
// see Server.Run. It returns early, with an error, if what runs the tasks or what
// runs the schedules cannot go on. A worker starts once; a second call returns
// task.ErrStarted.
func (w *Worker) Start(ctx context.Context) error {
	if w.optErr != nil {
		return w.optErr
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if !w.begin(ctx) {
		return task.ErrStarted
	}
	defer close(w.done)
	ticking := make(chan error, 1)
	go func() {
		err := w.tick(ctx)
		if err != nil {
			stop()
		}
		ticking <- err
	}()
	err := w.server.Run(ctx)
	stop()
	return errors.Join(err, <-ticking)
}

// begin reports whether the worker has not been started before.
func (w *Worker) begin(ctx context.Context) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopping != nil {
		return false
	}
	w.stopping = ctx.Done()
	return true
}

// usable returns an error if the options are invalid, or if nobody would run any
// more what is enqueued now.
func (w *Worker) usable() error {
	if w.optErr != nil {
		return w.optErr
	}
	w.mu.Lock()
	stopping := w.stopping
	w.mu.Unlock()
	if closed(w.done) || !w.durable && closed(stopping) {
		return endedError{}
	}
	return nil
}

// endedError is task.ErrClosed.
type endedError struct{}

func (endedError) Error() string        { return "worker has ended" }
func (endedError) Is(target error) bool { return target == task.ErrClosed }

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
	started := w.stopping != nil
	w.mu.Unlock()
	if !started || closed(w.done) || within(timeout, w.done) {
		return nil
	}
	return fmt.Errorf("worker still runs %s after it was told to stop", timeout)
}

// Client returns a client of the worker's broker, for tasks with a payload or
// fields that TaskOptions lack. Register their functions.
func (w *Worker) Client() *Client { return w.client }

// Register makes fn the function of every task of that name that has none of its
// own, without enqueuing one. A name is registered once.
func (w *Worker) Register(name string, fn func() error) error {
	if fn == nil {
		return noFunction(name)
	}
	return w.HandleFunc(name, plain(fn))
}

// HandleFunc is Register for a function with a context and the task, whose payload
// a task.Kind decodes: what a Server calls a handler. Enqueue its tasks by Client,
// or by RunNow and the like with nil as the function.
func (w *Worker) HandleFunc(name string, fn func(ctx context.Context, t *task.Task) error) error {
	switch {
	case w.optErr != nil:
		return w.optErr
	case fn == nil:
		return noFunction(name)
	case w.durable && w.functions.schedules.function(name) != nil:
		return &task.FieldError{Field: "name", Rule: "must be registered before its schedule is made", Value: strconv.Quote(name)}
	}
	return w.server.register(name, w.paced(fn))
}

// Use adds middleware around every function: see Server.Use. What is wrong with it
// is an error of Start.
func (w *Worker) Use(mw ...Middleware) { w.server.Use(mw...) }

// RunNow runs fn as soon as a slot is free. It may be called before Start. The
// task it returns is a snapshot: GetTaskStatus tells how it goes on. The error is
// task.ErrClosed once the worker has ended, or is told to and has neither a Storage
// nor a Broker: nobody would run the task.
func (w *Worker) RunNow(name string, fn func() error, opts ...TaskOptions) (*task.Task, error) {
	return w.RunAt(name, fn, time.Time{}, opts...)
}

// RunAt runs fn at the given time or, if that has passed, now. Its errors are those
// of RunNow.
func (w *Worker) RunAt(name string, fn func() error, at time.Time, opts ...TaskOptions) (*task.Task, error) {
	t, own, err := w.newTask(name, fn, opts)
	if err != nil {
		return nil, err
	}
	if err := w.checkOnce(t.Name, own, opts); err != nil {
		return nil, err
	}
	t.RunAt = at
	if own != nil {
		w.functions.lend(t.ID, own)
	}
	if err := w.client.Enqueue(context.Background(), t); err != nil {
		w.functions.forget(t.ID)
		return nil, err
	}
	return t, nil
}

// checkOnce returns an error for what a task that runs once cannot have.
func (w *Worker) checkOnce(name string, own Handler, opts []TaskOptions) error {
	for _, o := range opts {
		if o.Overlap != "" {
			return &task.FieldError{Field: "TaskOptions.Overlap", Rule: "must be empty but for RunEvery and Schedule", Value: string(o.Overlap)}
		}
	}
	if own != nil && w.home == nil {
		return &task.FieldError{Field: "name", Rule: "must be registered, for a task of a shared Broker runs in any process", Value: strconv.Quote(name)}
	}
	return nil
}

// RunEvery runs fn each interval, the first time one interval from now. A tick
// that comes before the last run has ended passes, unless TaskOptions.Overlap says
// otherwise. A run that has failed is then tried again no later than an interval
// afterwards. The task it returns stands for the schedule: each tick is a task of
// its own. Without a Storage and a Broker, two of one name are two schedules. Its
// errors are those of RunNow.
func (w *Worker) RunEvery(name string, fn func() error, interval time.Duration, opts ...TaskOptions) (*task.Task, error) {
	if err := checkInterval(interval); err != nil {
		return nil, err
	}
	return w.recur(name, fn, "@every "+interval.String(), opts)
}

// Schedule runs fn by a cron spec, such as "*/5 * * * *", "@hourly" or
// "CRON_TZ=Europe/Berlin 0 9 * * *"; a leading sixth field gives seconds. Times
// are UTC unless the spec says otherwise. What RunEvery says of overlaps holds here,
// too. The task it returns stands for the schedule: each tick is a task of its own.
// Its errors are those of RunNow.
func (w *Worker) Schedule(name string, fn func() error, spec string, opts ...TaskOptions) (*task.Task, error) {
	return w.recur(name, fn, spec, opts)
}

// Unschedule ends what RunEvery or Schedule has begun, by the ID of the task they
// returned: no tick comes any more. What was enqueued for former ticks goes on. It
// is task.ErrNotFound for any other ID. On a shared Broker other processes go on
// with their schedule of the name, and this one has no function for it any more.
func (w *Worker) Unschedule(id uuid.UUID) error {
	if w.optErr != nil {
		return w.optErr
	}
	r := w.functions.schedules.remove(id)
	if r == nil {
		return task.ErrNotFound
	}
	if err := w.scheduler.Remove(r.ID); err != nil || w.home == nil {
		return err
	}
	return w.home.Leave(context.Background(), r.Task.Queue, r.ID)
}

// recur adds a schedule.
func (w *Worker) recur(name string, fn func() error, spec string, opts []TaskOptions) (*task.Task, error) {
	t, own, err := w.newTask(name, fn, opts)
	if err != nil {
		return nil, err
	}
	if err := broker.Prepare(t); err != nil {
		return nil, err
	}
	r := &recurring{
		Schedule: scheduler.Schedule{ID: t.ID.String(), Spec: spec, Task: t, Overlap: scheduler.OverlapSkip},
		stands:   t.Clone(), run: own,
	}
	r.stands.Status = task.StatusScheduled
	if w.durable {
		r.ID = name
	}
	for _, o := range opts {
		override(&r.Overlap, o.Overlap)
	}
	if err := w.functions.schedules.add(r, w.scheduler.Add); err != nil {
		return nil, err
	}
	w.server.engine.Reconsider()
	return r.stands.Clone(), nil
}

// choose returns the function of a new task of that name: nil for the one that is
// registered.
func (w *Worker) choose(name string, fn func() error) (Handler, error) {
	switch err := broker.CheckName("name", name); {
	case err != nil:
		return nil, err
	case w.registered(name):
		return nil, nil
	case fn == nil:
		return nil, noFunction(name)
	}
	return plain(fn), nil
}

// registered reports whether the name alone decides which function runs.
func (w *Worker) registered(name string) bool {
	return w.server.registered(name) || w.durable && w.functions.schedules.function(name) != nil
}

// paced is a function that knows of the schedule whose tick it may run for.
func (w *Worker) paced(fn Handler) Handler {
	return w.functions.schedules.paced(fn, w.server.backoff)
}

// newTask returns a task with the worker's defaults, and the function that it has
// of its own, if any.
func (w *Worker) newTask(name string, fn func() error, opts []TaskOptions) (*task.Task, Handler, error) {
	if err := w.usable(); err != nil {
		return nil, nil, err
	}
	own, err := w.choose(name, fn)
	if err != nil {
		return nil, nil, err
	}
	t := task.New(name, nil)
	t.MaxRetry, t.Timeout, t.Priority = w.opts.MaxRetry, w.opts.Timeout, w.opts.Priority
	t.Retention = max(w.opts.Retention, 0)
	for _, o := range opts {
		if err := o.check(); err != nil {
			return nil, nil, err
		}
		override(&t.MaxRetry, o.MaxRetry)
		override(&t.Timeout, o.TimeOut)
		override(&t.Priority, o.Priority)
	}
	return t, own, nil
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
	if t := w.functions.schedules.find(id); t != nil {
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
	tasks := w.functions.schedules.tasks()
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

func closed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
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
