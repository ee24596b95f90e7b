package brokertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
)

const (
	// long is a lease or a delay that no trial lives to see the end of.
	long = time.Hour
	// short is a lease or a delay that a trial waits for.
	short = 50 * time.Millisecond
	// blink is how long a trial looks on to see that nothing happens.
	blink = 15 * time.Millisecond
	// quick is the most that a wake-up or a due task may usually take: far
	// more than the few round trips it needs, far less than a poll a second.
	quick = 250 * time.Millisecond
	// grain is how exact the clock of a broker is.
	grain = time.Millisecond
)

// limits bound how long a trial waits for what must happen.
type limits struct {
	// patience ends a trial that waits in vain.
	patience time.Duration
	// prompt is the most that a single wake-up may take on a busy machine. A
	// broker that only finds the task on a later look of its own is too late.
	prompt time.Duration
}

// trial is the check of one rule, with a broker of its own. Its Errorf and
// Fatalf name the promise and the rule.
type trial struct {
	testing.TB
	limits
	rule    rule
	harness Harness
	broker  broker.Broker
	ctx     context.Context // ends with the trial
	running *sync.WaitGroup // calls in goroutines
	workers *atomic.Int64
}

// begin starts a trial, which ends with tb.
func begin(tb testing.TB, h Harness, r rule) *trial {
	return beginWithin(tb, h, r, limits{patience: 10 * time.Second, prompt: 3 * time.Second})
}

func beginWithin(tb testing.TB, h Harness, r rule, l limits) *trial {
	ctx, cancel := context.WithCancel(context.Background())
	s := &trial{
		TB: tb, limits: l, rule: r, harness: h, ctx: ctx,
		running: new(sync.WaitGroup), workers: new(atomic.Int64),
	}
	s.broker = s.own(h.New(tb))
	tb.Cleanup(func() {
		cancel()
		s.waitForCalls()
	})
	return s
}

// own closes the broker at the end of the trial, twice.
func (s *trial) own(b broker.Broker) broker.Broker {
	s.Cleanup(func() {
		for range 2 {
			if err := b.Close(); err != nil {
				s.Errorf("Close: %v", err)
			}
		}
	})
	return b
}

func (s *trial) waitForCalls() {
	done := make(chan struct{})
	go func() {
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(s.patience):
		s.Errorf("a call has not returned although its context has ended")
	}
}

// on returns the trial as it goes on with another broker.
func (s *trial) on(b broker.Broker) *trial {
	other := *s
	other.broker = b
	return &other
}

// as returns the trial as it judges by another promise.
func (s *trial) as(p promise) *trial {
	other := *s
	other.rule.promise = p
	return &other
}

// Errorf fails the trial, and names the promise and the rule.
func (s *trial) Errorf(format string, args ...any) {
	s.Helper()
	s.TB.Errorf("%s is broken: %s: %s", s.rule.promise, s.rule.text, fmt.Sprintf(format, args...))
}

// Fatalf is Errorf, and ends the trial.
func (s *trial) Fatalf(format string, args ...any) {
	s.Helper()
	s.TB.Fatalf("%s is broken: %s: %s", s.rule.promise, s.rule.text, fmt.Sprintf(format, args...))
}

// another returns the trial on a second broker, as another process has it.
func (s *trial) another() *trial {
	s.Helper()
	if s.harness.Again == nil {
		s.Skip("Harness.Again is nil")
	}
	return s.on(s.own(s.harness.Again(s.TB, s.broker)))
}

// restarted returns the trial on a broker that has what this one has left.
func (s *trial) restarted() *trial {
	s.Helper()
	if s.harness.Restart == nil {
		s.Skip("Harness.Restart is nil")
	}
	return s.on(s.own(s.harness.Restart(s.TB, s.broker)))
}

// needsRealTime skips what happens to a blocked call as time goes by.
func (s *trial) needsRealTime() {
	s.Helper()
	if s.harness.Advance != nil {
		s.Skip("Harness.Advance is set, and a blocked call need not notice it")
	}
}

// needsAdvance skips what only a clock that can be moved shows.
func (s *trial) needsAdvance() {
	s.Helper()
	if s.harness.Advance == nil {
		s.Skip("Harness.Advance is nil")
	}
}

func (s *trial) inspector() broker.Inspector {
	s.Helper()
	inspector, ok := s.broker.(broker.Inspector)
	if !ok {
		s.Skip("the broker is no broker.Inspector")
	}
	return inspector
}

func (s *trial) timetable() broker.Timetable {
	s.Helper()
	timetable, ok := s.broker.(broker.Timetable)
	if !ok {
		s.Skip("the broker is no broker.Timetable")
	}
	return timetable
}

func (s *trial) operator() broker.Operator {
	s.Helper()
	operator, ok := s.broker.(broker.Operator)
	if !ok {
		s.Skip("the broker is no broker.Operator")
	}
	return operator
}

func (s *trial) notifier() broker.Notifier {
	s.Helper()
	notifier, ok := s.broker.(broker.Notifier)
	if !ok {
		s.Skip("the broker is no broker.Notifier")
	}
	return notifier
}

// advance moves the broker's clock on, if it can be moved. If not, the Lease
// call that follows blocks until the time has come.
func (s *trial) advance(d time.Duration) {
	if s.harness.Advance != nil {
		s.harness.Advance(s.broker, d)
	}
}

// pass lets time go by.
func (s *trial) pass(d time.Duration) {
	s.Helper()
	if s.harness.Advance != nil {
		s.harness.Advance(s.broker, d)
		return
	}
	s.block(d + 2*grain)
}

// block lets real time go by, in a Lease call on a queue without tasks.
func (s *trial) block(d time.Duration) {
	s.Helper()
	s.blockOn(d, "idle")
}

// blockOn blocks in a Lease call that must get nothing.
func (s *trial) blockOn(d time.Duration, queues ...string) {
	s.Helper()
	s.blockAs(broker.LeaseRequest{Worker: s.worker(), Queues: queues, Max: 1, Duration: long}, d)
}

// blockAs is blockOn with a request.
func (s *trial) blockAs(req broker.LeaseRequest, d time.Duration) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, d)
	defer cancel()
	got := s.await(s.start(ctx, req), d+s.prompt)
	if len(got.leases) > 0 {
		s.Fatalf("Lease returned %s, want nothing", describe(got.leases))
	}
	if !errors.Is(got.err, context.DeadlineExceeded) {
		s.Fatalf("Lease returned error %v, want that of its context", got.err)
	}
}

// worker returns a name that nobody has.
func (s *trial) worker() string {
	return fmt.Sprintf("worker-%d", s.workers.Add(1))
}

// now returns the broker's time: that at which a task of a queue apart starts.
func (s *trial) now() time.Time {
	s.Helper()
	probe := newTask("probe")
	probe.Queue = "clock"
	s.enqueue(probe)
	lease := s.leaseAs(broker.LeaseRequest{Worker: s.worker(), Queues: []string{"clock"}, Max: 1, Duration: long})
	s.end(lease)
	return lease.Task.StartedAt
}
