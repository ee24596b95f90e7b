package scheduler

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// DefaultMaxMissed is how many missed ticks MissedAll makes up for.
const DefaultMaxMissed = 100

// Options are what a Scheduler can be told: mostly the defaults of its
// schedules. The zero value of each field is its default.
type Options struct {
	// Location is the time zone of specs that name none. Default: UTC.
	Location *time.Location
	// Missed says what becomes of missed ticks. Default: MissedOne.
	Missed MissedPolicy
	// MaxMissed is how many missed ticks MissedAll makes up for, 1 to 1000.
	// Default: DefaultMaxMissed, 100.
	MaxMissed int
	// Overlap says whether a tick waits for the end of the last one's task.
	// Default: OverlapAllow.
	Overlap OverlapPolicy
	// Use is middleware around what enqueues the task of each tick, the first
	// outermost: values of jobsy.EnqueueMiddleware. None may be nil. Default:
	// none.
	//
	// Next takes the task of the tick and no other, by its ID and Queue; all
	// else may be changed, Headers above all. Every process offers each tick, so
	// each one's middleware sees it: where another process has taken it, or the
	// tick passes without a task for what the schedule says, next returns nil
	// and has enqueued nothing, and the task's Status stays empty.
	//
	// If next is not called, or the middleware panics before, the tick passes
	// here without a task, with a line in the log; another process may take it.
	// With an error that is task.ErrUnavailable, task.ErrClosed or
	// context.DeadlineExceeded it is tried again instead, like all ticks whose
	// next failed, whatever becomes of that error.
	Use []func(next func(ctx context.Context, tasks ...*task.Task) error) func(ctx context.Context, tasks ...*task.Task) error
	// Logger gets what operators should know. Default: silent.
	Logger *slog.Logger
}

func (o *Options) fill() {
	o.Missed = cmp.Or(o.Missed, MissedOne)
	o.MaxMissed = cmp.Or(o.MaxMissed, DefaultMaxMissed)
	o.Overlap = cmp.Or(o.Overlap, OverlapAllow)
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Scheduler enqueues the tasks of schedules while it runs. Every method may be
// called concurrently, and schedules may be added and removed before, during and
// after Run. Errors of what a caller gave are *task.FieldError.
type Scheduler struct {
	table   broker.Timetable
	opts    Options
	err     error // what is wrong with the broker or the options
	enqueue enqueue
	log     *slog.Logger
	wall    func() time.Time

	changed chan struct{} // holds a value when there is a new first entry

	synced chan struct{} // holds a value after a Sync

	mu      sync.Mutex
	entries map[string]*entry
	sets    map[string]bool // that were synced
	running bool
	agenda  agenda // the entries without a call, while running
	clock   clock
	failing int // entries whose last call failed
}

// New returns a scheduler on the broker, which must also be a broker.Timetable,
// as Jobsy's own are. If it is not, or an option is invalid, every method that
// returns an error says so. Nil opts are the defaults.
func New(b broker.Broker, opts *Options) *Scheduler {
	if opts == nil {
		opts = &Options{}
	}
	s := &Scheduler{
		opts: *opts, entries: make(map[string]*entry), sets: make(map[string]bool), wall: hostWall,
		changed: make(chan struct{}, 1), synced: make(chan struct{}, 1),
	}
	s.err = checkPolicies("Options.", opts.Missed, opts.MaxMissed, opts.Overlap)
	if s.err == nil {
		s.enqueue, s.err = wrapped(s.take, opts.Use)
	}
	s.opts.fill()
	s.log = s.opts.Logger
	table, ok := b.(broker.Timetable)
	if !ok {
		s.err = &task.FieldError{Field: "broker", Rule: "must implement broker.Timetable to run schedules", Value: fmt.Sprintf("%T", b)}
	}
	s.table = table
	return s
}

// Cron adds a schedule by a spec, with the scheduler's defaults: see Add.
func (s *Scheduler) Cron(id, spec string, t *task.Task) error {
	return s.Add(Schedule{ID: id, Spec: spec, Task: t})
}

// Every adds a schedule that ticks each interval, with the scheduler's defaults:
// see Add. It is the same as Cron with "@every" and the interval, which is at
// least a millisecond and whole milliseconds.
func (s *Scheduler) Every(id string, interval time.Duration, t *task.Task) error {
	if err := checkInterval("interval", interval); err != nil {
		return err
	}
	return s.Cron(id, "@every "+interval.String(), t)
}

// Add adds a schedule. It keeps a copy of the task, and sends nothing: a running
// scheduler takes the schedule up at once, in the background. An ID that is
// added already is refused; Remove it first.
//
// A schedule that was changed goes on under its ID. If its spec has changed, its
// ticks count from the change: those before, as the new spec has them, are not
// missed. For a set of schedules that changes as a whole there is Sync.
func (s *Scheduler) Add(schedule Schedule) error {
	e, err := s.newEntry(schedule)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[e.ID] != nil {
		return errNotUnique(e.ID)
	}
	s.put(e)
	return nil
}

// put takes an entry in.
func (s *Scheduler) put(e *entry) {
	s.entries[e.ID] = e
	if s.running {
		e.reset(time.Now())
		s.enter(e)
	}
}

// drop takes an entry out.
func (s *Scheduler) drop(e *entry) {
	delete(s.entries, e.ID)
	s.agenda.remove(e)
	if e.failures > 0 {
		s.failing--
	}
}

func (s *Scheduler) newEntry(schedule Schedule) (*entry, error) {
	if s.err != nil {
		return nil, s.err
	}
	if err := broker.CheckName("id", schedule.ID); err != nil {
		return nil, err
	}
	if err := checkPolicies("", schedule.Missed, schedule.MaxMissed, schedule.Overlap); err != nil {
		return nil, err
	}
	schedule.fill(&s.opts)
	timing, err := parseSpec(schedule.Spec, schedule.Location)
	if err != nil {
		return nil, err
	}
	if schedule.Task == nil {
		return nil, &task.FieldError{Field: "task", Rule: "must not be nil"}
	}
	schedule.Task = schedule.Task.Clone()
	sample := schedule.tickTask(time.Unix(0, 0))
	tick := broker.Tick{Task: sample}
	if err := tick.Check(); err != nil {
		return nil, err
	}
	return &entry{Schedule: schedule, queue: sample.Queue, timing: timing, place: -1}, nil
}

// Remove stops a schedule in this process; a tick that is on its way still
// counts. Other processes go on with it. The broker remembers its anchor and its
// last tick, a few bytes, and lists it, so that it can be taken up again as if it
// had not been away; broker.Timetable.Leave makes the broker forget. One of a set is
// forgotten as Sync says.
func (s *Scheduler) Remove(id string) error {
	if s.err != nil {
		return s.err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[id]
	if e == nil {
		return &task.FieldError{Field: "id", Rule: "must be that of a schedule that was added", Value: shorten(id)}
	}
	s.drop(e)
	return nil
}

// Schedules returns what is scheduled here, sorted by ID, with the defaults
// filled in. It belongs to the caller.
func (s *Scheduler) Schedules() []Schedule {
	s.mu.Lock()
	defer s.mu.Unlock()
	schedules := make([]Schedule, 0, len(s.entries))
	for _, e := range s.entries {
		schedule := e.Schedule
		schedule.Task = e.Task.Clone()
		schedules = append(schedules, schedule)
	}
	slices.SortFunc(schedules, func(a, b Schedule) int { return cmp.Compare(a.ID, b.ID) })
	return schedules
}
