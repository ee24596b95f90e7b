package scheduler

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// timetable is a broker with schedules and nothing else.
type timetable struct {
	broker.Broker // its methods are not called

	mu     sync.Mutex
	ahead  time.Duration    // of this host's clock
	err    error            // what every call returns
	errs   map[string]error // what calls for one schedule return
	hang   map[string]bool  // schedules whose calls do not return
	busy   bool             // the task of the last tick has not ended
	lose   bool             // act, then lose the reply
	known  map[string]*broker.ScheduleState
	ticks  []broker.Tick            // enqueued
	late   map[string]time.Duration // at most, or early
	joins  int
	calls  int
	failed []time.Time // when calls failed
}

func newTimetable() *timetable {
	return &timetable{
		errs: map[string]error{}, hang: map[string]bool{}, late: map[string]time.Duration{},
		known: map[string]*broker.ScheduleState{},
	}
}

var errLost = errors.New("reply lost")

func (b *timetable) now() time.Time { return time.Now().Add(b.ahead).Round(0) }

func (b *timetable) enter(ctx context.Context, schedule string) error {
	b.mu.Lock()
	hang := b.hang[schedule]
	b.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	b.mu.Lock()
	b.calls++
	err := b.err
	if err == nil {
		err = b.errs[schedule]
	}
	if err != nil {
		b.failed = append(b.failed, time.Now())
		b.mu.Unlock()
	}
	return err
}

func (b *timetable) state(schedule string) *broker.ScheduleState {
	if b.known[schedule] == nil {
		b.known[schedule] = &broker.ScheduleState{Anchor: b.now().Truncate(time.Millisecond)}
	}
	return b.known[schedule]
}

func (b *timetable) Join(ctx context.Context, _, schedule string) (broker.ScheduleState, error) {
	if err := b.enter(ctx, schedule); err != nil {
		return broker.ScheduleState{}, err
	}
	defer b.mu.Unlock()
	b.joins++
	state := *b.state(schedule)
	state.Now = b.now()
	return state, nil
}

func (b *timetable) Tick(ctx context.Context, tick broker.Tick) (broker.Ticked, error) {
	if err := broker.Prepare(tick.Task); err != nil {
		return broker.Ticked{}, err
	}
	if err := b.enter(ctx, tick.Schedule); err != nil {
		return broker.Ticked{}, err
	}
	defer b.mu.Unlock()
	state, ticked := b.state(tick.Schedule), broker.Ticked{Now: b.now()}
	if late := b.now().Sub(tick.At); late.Abs() > b.late[tick.Schedule].Abs() {
		b.late[tick.Schedule] = late
	}
	if !tick.At.After(state.Last) {
		return ticked, nil
	}
	state.Last = tick.At
	if !tick.NoOverlap || !b.busy {
		b.ticks = append(b.ticks, tick)
		ticked.Enqueued, tick.Task.Status = true, task.StatusPending
	}
	if b.lose {
		b.lose = false
		return broker.Ticked{}, errLost
	}
	return ticked, nil
}

func (b *timetable) Leave(context.Context, string, string) error { return nil }

func (b *timetable) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

// taken returns the ticks of a schedule that were enqueued.
func (b *timetable) taken(schedule string) (at []time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, tick := range b.ticks {
		if tick.Schedule == schedule {
			at = append(at, tick.At)
		}
	}
	return at
}

// remembers makes the timetable know a schedule.
func (b *timetable) remembers(schedule string, anchor, last time.Time) {
	b.known[schedule] = &broker.ScheduleState{Anchor: anchor, Last: last}
}

// run runs the scheduler until the test calls stop, which waits for its end.
func run(t *testing.T, s *Scheduler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	synctest.Wait()
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func mustAdd(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start is the time at which synctest begins.
var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// seconds returns the times that lie so many seconds after start.
func seconds(n ...float64) (at []time.Time) {
	for _, s := range n {
		at = append(at, start.Add(time.Duration(s*float64(time.Second))))
	}
	return at
}

func checkTicks(t *testing.T, got, want []time.Time) {
	t.Helper()
	same := len(got) == len(want)
	for i := 0; same && i < len(got); i++ {
		same = got[i].Equal(want[i])
	}
	if !same {
		t.Errorf("ticks\n got %v\nwant %v", got, want)
	}
}

func ping() *task.Task { return task.New("ping", nil) }

// readOnly is a timetable that refuses every tick.
type readOnly struct {
	*timetable
	refused int
}

func (b *readOnly) Tick(context.Context, broker.Tick) (broker.Ticked, error) {
	b.refused++
	return broker.Ticked{}, errors.New("out of memory")
}

// stubborn is a timetable whose ticks take their time and heed no context.
type stubborn struct {
	*timetable
	takes time.Duration
}

func (b *stubborn) Tick(ctx context.Context, tick broker.Tick) (broker.Ticked, error) {
	time.Sleep(b.takes)
	return b.timetable.Tick(ctx, tick)
}
