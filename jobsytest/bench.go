// Package jobsytest is for tests of programs that use Jobsy: of their handlers,
// and of what they enqueue, without a server and without waiting. It works inside
// testing/synctest, where an hour of retries takes a millisecond.
//
//	b := jobsytest.New(t, func(s *jobsy.Server) { jobsy.Handle(s, Welcome, welcome) })
//	signUp(b.Client(), "ada@example.com")           // the code under test enqueues
//	jobsytest.RequireEnqueued(b, Welcome, User{"Ada", "ada@example.com"})
//	for _, o := range b.Drain() { … }               // runs all, retries too
package jobsytest

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// TB is what a bench needs of a *testing.T, *testing.B or *testing.F.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Bench is an in-memory broker with the handlers under test. It belongs to one
// test; its methods are safe for concurrent use, except that two calls of Drain
// share the work.
type Bench struct {
	// Options are those of the servers that run the handlers: Backoff, IsFailure
	// and so on. Concurrency and Queues are the bench's own. Set them before the
	// first Client, Work or Drain.
	Options jobsy.ServerOptions

	tb       TB
	broker   *memory.Broker
	register func(s *jobsy.Server)
	warned   sync.Once // that Drain waits
}

// New returns a bench that the test's end closes. Register gives a server its
// handlers and middleware, and is called for each Work and each Drain; nil is for
// a test of what is enqueued only.
func New(tb TB, register func(s *jobsy.Server)) *Bench {
	tb.Helper()
	b := &Bench{tb: tb, broker: memory.New(nil), register: register}
	tb.Cleanup(func() { _ = b.broker.Close() })
	return b
}

// Client returns a client for the code under test, with Options.Client.
func (b *Bench) Client() *jobsy.Client { return jobsy.NewClient(b.broker, b.Options.Client) }

// Broker returns the broker, for code that makes its own client, server or
// scheduler.
func (b *Bench) Broker() broker.Broker { return b.broker }

// Work runs one attempt of a task through its real handler, with middleware,
// timeout and all, and returns how it ended. It does not wait for the task's
// RunAt, and nothing of the task gets into the bench's broker. An invalid task, or
// one that no handler knows, fails the test.
func (b *Bench) Work(t *task.Task) Outcome {
	b.tb.Helper()
	own := t.Clone()
	own.RunAt, own.Unique, own.Gather = time.Time{}, task.Unique{}, task.Gather{}
	apart := memory.New(nil)
	defer apart.Close()
	if err := jobsy.NewClient(apart, nil).Enqueue(context.Background(), own); err != nil {
		b.tb.Fatalf("jobsytest: enqueue %s: %v", cmp.Or(t.Name, "task"), err)
	}
	var outcome Outcome
	b.run(&watched{Broker: apart, once: true}, []string{own.Queue}, func(o Outcome) bool {
		outcome = o
		return true
	})
	return outcome
}

// Drain runs all tasks of the bench, one at a time, until nothing waits any more:
// scheduled tasks, retries, and what handlers enqueue meanwhile. It returns how
// each attempt ended. Paused queues are left alone. A task that no handler knows
// fails the test.
//
// Inside testing/synctest time flies. Elsewhere Drain really waits: for hours, if
// a retry is due in hours. It says so in the test's log, once, when nothing is
// due for a second.
func (b *Bench) Drain() []Outcome {
	b.tb.Helper()
	var outcomes []Outcome
	for queues := b.busy(); len(queues) > 0; queues = b.busy() {
		b.warn(queues)
		b.run(&watched{Broker: b.broker}, queues, func(o Outcome) bool {
			outcomes = append(outcomes, o)
			b.warn(b.busy())
			busy := b.busy()
			return len(busy) == 0 || !covers(queues, busy)
		})
	}
	return outcomes
}

// warn says that Drain waits, if nothing in the queues is due for a while.
func (b *Bench) warn(queues []string) {
	b.tb.Helper()
	if time.Now().Year() < 2010 { // the clock of a bubble begins with 2000
		return
	}
	if next := b.next(queues); next != nil && time.Until(next.RunAt) > time.Second {
		b.warned.Do(func() {
			b.tb.Logf("jobsytest: Drain waits for task %q, which is due at %s; inside testing/synctest this takes no time",
				next.Name, next.RunAt.Format(time.TimeOnly))
		})
	}
}

// next returns the delayed task that is due first, or nil if something is pending
// or runs.
func (b *Bench) next(queues []string) *task.Task {
	b.tb.Helper()
	var next *task.Task
	for _, queue := range queues {
		counts, err := b.broker.Counts(context.Background(), queue)
		b.check(err)
		if counts[task.StatusPending]+counts[task.StatusRunning] > 0 {
			return nil
		}
		for _, status := range []task.Status{task.StatusScheduled, task.StatusRetrying} {
			first, _, err := b.broker.Tasks(context.Background(), queue, status, "", 1)
			b.check(err)
			if len(first) > 0 && (next == nil || first[0].RunAt.Before(next.RunAt)) {
				next = first[0]
			}
		}
	}
	return next
}

func covers(queues, busy []string) bool {
	known := make(map[string]bool)
	for _, queue := range queues {
		known[queue] = true
	}
	for _, queue := range busy {
		if !known[queue] {
			return false
		}
	}
	return true
}

// busy returns the queues in which something waits or runs.
func (b *Bench) busy() []string {
	b.tb.Helper()
	queues, err := b.broker.Queues(context.Background())
	b.check(err)
	var busy []string
	for _, queue := range queues {
		info, err := b.broker.Queue(context.Background(), queue)
		b.check(err)
		counts, err := b.broker.Counts(context.Background(), queue)
		b.check(err)
		unended := 0
		for status, n := range counts {
			if !status.Ended() {
				unended += n
			}
		}
		if unended > 0 && !info.Paused {
			busy = append(busy, queue)
		}
	}
	return busy
}

func (b *Bench) check(err error) {
	b.tb.Helper()
	if err != nil {
		b.tb.Fatalf("jobsytest: %v", err)
	}
}

// run has a server work on the queues until told says that it is enough. The
// attempts that are under way then are waited for, and told of too.
func (b *Bench) run(w *watched, queues []string, told func(Outcome) (enough bool)) {
	b.tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w.settled = make(chan Outcome)
	server := b.server(w, queues)
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	unknown := ""
	for running := true; running; {
		select {
		case o := <-w.settled:
			if o.unknown() {
				unknown = o.Task.Name
			}
			if told(o) || unknown != "" {
				cancel()
			}
		case err := <-done:
			b.check(err)
			running = false
		}
	}
	if unknown != "" {
		b.tb.Fatalf("jobsytest: no handler for %q is registered", unknown)
	}
}

// server returns one that takes the tasks of the queues one at a time.
func (b *Bench) server(on *watched, queues []string) *jobsy.Server {
	opts := b.Options
	opts.Concurrency, opts.Queues = 1, make(map[string]int)
	for _, queue := range queues {
		opts.Queues[queue] = 1
	}
	server := jobsy.NewServer(on, &opts)
	server.Use(on.notes)
	if b.register != nil {
		b.register(server)
	}
	return server
}

// unknown reports whether no handler knew the task: the server then puts it off
// and leaves its record as it was.
func (o Outcome) unknown() bool {
	return o.Status == task.StatusScheduled && o.Task.Status == task.StatusRunning
}

// watched tells of each settlement.
type watched struct {
	*memory.Broker
	settled chan Outcome
	once    bool // hands out tasks in one call only
	leased  bool
	causes  sync.Map // uuid.UUID → []error: see Outcome
}

// notes is middleware that keeps what a handler returns for the outcome.
func (w *watched) notes(next jobsy.Handler) jobsy.Handler {
	return func(ctx context.Context, t *task.Task) error {
		id := t.ID // the handler may change its task
		err := next(ctx, t)
		switch {
		case err != nil && ctx.Err() != nil:
			w.causes.Store(id, []error{err, context.Cause(ctx)})
		case err != nil:
			w.causes.Store(id, []error{err})
		}
		return err
	}
}

// Lease implements broker.Broker.
func (w *watched) Lease(ctx context.Context, req broker.LeaseRequest) ([]broker.Lease, error) {
	if w.once && w.leased {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	leases, err := w.Broker.Lease(ctx, req)
	w.leased = len(leases) > 0
	return leases, err
}

// Settle implements broker.Broker.
func (w *watched) Settle(ctx context.Context, outcomes []broker.Outcome) []error {
	errs := w.Broker.Settle(ctx, outcomes)
	for i, o := range outcomes {
		if o.Status != task.StatusPending && (errs == nil || errs[i] == nil) {
			w.settled <- w.outcome(o)
		}
	}
	return errs
}

// outcome says what became of a task. One that was cancelled meanwhile the broker
// has cancelled, whatever the server said.
func (w *watched) outcome(o broker.Outcome) Outcome {
	stored, err := w.Task(context.Background(), o.Lease.Queue, o.Lease.ID)
	found, _ := w.causes.LoadAndDelete(o.Lease.ID)
	causes, _ := found.([]error)
	if err == nil && stored.Status == task.StatusCancelled {
		return Outcome{Task: stored, Status: stored.Status}
	}
	t := o.Lease.Task
	if o.Task != nil {
		t = o.Task
	}
	t = t.Clone()
	if o.Task != nil || o.Status.Ended() {
		t.Status = o.Status
	}
	return Outcome{Task: t, Status: o.Status, Delay: o.Delay, causes: causes}
}

// Waiting returns the tasks of that name that wait, in all queues: pending,
// scheduled and retrying, in this order.
func (b *Bench) Waiting(name string) []*task.Task {
	b.tb.Helper()
	queues, err := b.broker.Queues(context.Background())
	b.check(err)
	var found []*task.Task
	for _, status := range []task.Status{task.StatusPending, task.StatusScheduled, task.StatusRetrying} {
		for _, queue := range queues {
			for cursor, more := "", true; more; more = cursor != "" {
				var page []*task.Task
				page, cursor, err = b.broker.Tasks(context.Background(), queue, status, cursor, broker.MaxBatch)
				b.check(err)
				found = append(found, named(name, page)...)
			}
		}
	}
	return found
}

func named(name string, tasks []*task.Task) []*task.Task {
	var found []*task.Task
	for _, t := range tasks {
		if t.Name == name {
			found = append(found, t)
		}
	}
	return found
}

// RequireEnqueued fails the test unless a task of the kind with these arguments
// waits, and returns it. Arguments are the same if they are so once they have
// travelled: a time has no monotonic reading then, and nil, an empty slice or map
// and a field that is left out are one. The failure says where the task that comes
// closest differs.
func RequireEnqueued[Args any](b *Bench, k task.Kind[Args], args Args) *task.Task {
	b.tb.Helper()
	want, err := travelled(k, k.New(args))
	if err != nil {
		b.tb.Fatalf("jobsytest: %v", err)
	}
	var closest []string
	waiting := b.Waiting(k.Name)
	for i, t := range waiting {
		got, err := travelled(k, t)
		lines := differences("", got, want)
		if err != nil {
			lines = []string{err.Error()}
		}
		if len(lines) == 0 {
			return t
		}
		if i == 0 || len(lines) < len(closest) {
			closest = lines
		}
	}
	text, _ := json.Marshal(want) // it was decoded from JSON
	if len(waiting) == 0 {
		b.tb.Fatalf("jobsytest: no task %q waits, want one with\n\t%s", k.Name, text)
	}
	b.tb.Fatalf("jobsytest: none of %d tasks %q that wait has the arguments\n\t%s\nthe closest differs in\n\t%s",
		len(waiting), k.Name, text, strings.Join(closest, "\n\t"))
	return nil
}

// RequireNone fails the test if a task of the kind waits.
func RequireNone[Args any](b *Bench, k task.Kind[Args]) {
	b.tb.Helper()
	if found := b.Waiting(k.Name); len(found) > 0 {
		b.tb.Fatalf("jobsytest: %d tasks %q wait, want none; the first has the arguments\n\t%s", len(found), k.Name, found[0].Payload)
	}
}
