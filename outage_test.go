package jobsy_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// flaky is a broker that can be out of reach.
type flaky struct {
	*memory.Broker
	away                     atomic.Bool
	leases, settles, extends atomic.Int32
	errUnavailable           error
	errSettle                atomic.Pointer[error] // of each settlement; nil: none
}

func newFlaky() *flaky {
	return &flaky{Broker: memory.New(nil), errUnavailable: fmt.Errorf("test: %w", task.ErrUnavailable)}
}

func (f *flaky) fail(n int) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = f.errUnavailable
	}
	return errs
}

func (f *flaky) Lease(ctx context.Context, req broker.LeaseRequest) ([]broker.Lease, error) {
	f.leases.Add(1)
	if f.away.Load() {
		return nil, f.errUnavailable
	}
	return f.Broker.Lease(ctx, req)
}

func (f *flaky) Extend(ctx context.Context, leases []broker.Lease, by time.Duration) []error {
	f.extends.Add(1)
	if f.away.Load() {
		return f.fail(len(leases))
	}
	return f.Broker.Extend(ctx, leases, by)
}

func (f *flaky) Settle(ctx context.Context, outcomes []broker.Outcome) []error {
	f.settles.Add(1)
	if f.away.Load() {
		return f.fail(len(outcomes))
	}
	if err := f.errSettle.Load(); err != nil {
		return slices.Repeat([]error{*err}, len(outcomes))
	}
	return f.Broker.Settle(ctx, outcomes)
}

func inOutage(t *testing.T, opts *jobsy.ServerOptions, prepare func(*jobsy.Server), test func(*rig, *flaky)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFlaky()
		r := start(t, f, f.Broker, opts, prepare)
		defer r.stop()
		test(r, f)
	})
}

func TestServerSettlesAfterAnOutage(t *testing.T) {
	runs := 0
	inOutage(t, nil, func(s *jobsy.Server) {
		s.HandleFunc("work", func(context.Context, *task.Task) error { runs++; time.Sleep(time.Second); return nil })
	}, func(r *rig, f *flaky) {
		work := r.enqueue(task.New("work", nil))
		f.away.Store(true)
		pass(8 * time.Second)
		r.want(work, task.StatusRunning, 0)
		if n := f.settles.Load(); n < 5 || n > 60 {
			r.t.Errorf("%d tries to settle in 7s, want some, but not many", n)
		}
		f.away.Store(false)
		pass(time.Second)
		r.want(work, task.StatusCompleted, 1)
		if runs != 1 {
			r.t.Errorf("finished work ran %d times", runs)
		}
	})
}

func TestServerComesBackWithinASecond(t *testing.T) {
	inOutage(t, nil, func(s *jobsy.Server) {
		s.HandleFunc("work", func(context.Context, *task.Task) error { return nil })
	}, func(r *rig, f *flaky) {
		f.away.Store(true)
		r.enqueue(task.New("work", nil)) // the blocked call takes it
		before := f.leases.Load()
		pass(time.Minute)
		if n := f.leases.Load() - before; n < 50 || n > 400 {
			r.t.Errorf("%d lease calls in a minute without a broker, want some, but not many", n)
		}
		f.away.Store(false)
		work := r.enqueue(task.New("work", nil))
		pass(time.Second)
		r.want(work, task.StatusCompleted, 1)
	})
}

func TestServerGivesUpALeaseItCannotExtend(t *testing.T) {
	var cause atomic.Value
	var ended time.Time
	inOutage(t, &jobsy.ServerOptions{LeaseDuration: 6 * time.Second}, func(s *jobsy.Server) {
		s.HandleFunc("work", func(ctx context.Context, _ *task.Task) error {
			if cause.Load() != nil {
				return nil
			}
			<-ctx.Done()
			ended = time.Now()
			cause.Store(context.Cause(ctx))
			return ctx.Err()
		})
	}, func(r *rig, f *flaky) {
		work := r.enqueue(task.New("work", nil))
		pass(30 * time.Second) // extended all the while
		r.want(work, task.StatusRunning, 0)
		f.away.Store(true)
		begin := time.Now()
		pass(6 * time.Second)
		if err, _ := cause.Load().(error); !errors.Is(err, task.ErrLeaseLost) {
			r.t.Fatalf("P2: cause %v, want ErrLeaseLost", err)
		}
		if after := ended.Sub(begin); after > 6*time.Second {
			r.t.Errorf("P2: the handler was cancelled after %s, when another server may have had the task", after)
		}
		f.away.Store(false)
		pass(10 * time.Second)
		r.want(work, task.StatusCompleted, 1)
	})
}

// frozen is a broker whose Extend hangs, as in a process that is stopped.
type frozen struct {
	*memory.Broker
	thaw chan struct{}
}

func (f *frozen) Extend(_ context.Context, leases []broker.Lease, by time.Duration) []error {
	<-f.thaw
	return f.Broker.Extend(context.Background(), leases, by)
}

func TestServerCancelsWhatAnotherTookOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &frozen{memory.New(nil), make(chan struct{})}
		var cause error
		stuck := make(chan struct{})
		r := start(t, f, f.Broker, &jobsy.ServerOptions{Concurrency: 1, LeaseDuration: 6 * time.Second}, func(s *jobsy.Server) {
			s.HandleFunc("work", func(ctx context.Context, _ *task.Task) error {
				<-ctx.Done()
				<-stuck // as a stopped process would be
				cause = context.Cause(ctx)
				return errors.New("late")
			})
		})
		defer r.stop()
		work := r.enqueue(task.New("work", nil))
		pass(7 * time.Second)
		leases, err := f.Lease(t.Context(), broker.LeaseRequest{Worker: "other", Queues: []string{"default"}, Max: 1, Duration: time.Hour})
		if err != nil || len(leases) != 1 || leases[0].Deliveries != 2 {
			t.Fatalf("takeover: %+v, %v", leases, err)
		}
		close(f.thaw)
		close(stuck)
		synctest.Wait()
		if !errors.Is(cause, task.ErrLeaseLost) {
			t.Errorf("P2: cause %v, want ErrLeaseLost", cause)
		}
		if found := r.want(work, task.StatusRunning, 0); found.Token != leases[0].Token {
			t.Errorf("P2: token %d, want that of the new holder, %d", found.Token, leases[0].Token)
		}
	})
}

func TestServerFailsATaskThatKillsItsWorkers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		client := jobsy.NewClient(b, nil)
		work := task.New("work", nil)
		if err := client.Enqueue(t.Context(), work); err != nil {
			t.Fatal(err)
		}
		for i := range 3 { // workers that die
			leases, err := b.Lease(t.Context(), broker.LeaseRequest{Worker: fmt.Sprint(i), Queues: []string{"default"}, Max: 1, Duration: time.Second})
			if err != nil || len(leases) != 1 {
				t.Fatal(leases, err)
			}
			pass(time.Second)
		}
		ran := false
		r := start(t, b, b, &jobsy.ServerOptions{MaxDeliveries: 3}, func(s *jobsy.Server) {
			s.HandleFunc("work", func(context.Context, *task.Task) error { ran = true; return nil })
		})
		defer r.stop()
		synctest.Wait()
		found := r.want(work, task.StatusFailed, 0)
		if ran || !strings.Contains(found.LastError, "workers died") || !strings.Contains(found.LastError, "3 times") {
			t.Errorf("P7: ran %t, last error %q", ran, found.LastError)
		}
	})
}

// suspended is a broker whose first lease has run out before it is begun, as for
// a process that stood still.
type suspended struct {
	*flaky
	once  sync.Once
	token int64 // of that lease
}

func (s *suspended) Lease(ctx context.Context, req broker.LeaseRequest) ([]broker.Lease, error) {
	leases, err := s.flaky.Lease(ctx, req)
	s.once.Do(func() {
		for i := range leases {
			leases[i].Expires, s.token = time.Now().Add(-time.Second), leases[i].Token
		}
	})
	return leases, err
}

func TestServerDoesNotBeginWhatItHasLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &suspended{flaky: newFlaky()}
		var tokens []int64
		r := start(t, f, f.Broker, nil, func(s *jobsy.Server) {
			s.HandleFunc("work", func(_ context.Context, t *task.Task) error {
				tokens = append(tokens, t.Token)
				return nil
			})
		})
		defer r.stop()
		work := r.enqueue(task.New("work", nil))
		pass(time.Second)
		r.want(work, task.StatusCompleted, 1)
		if len(tokens) != 1 || f.token == 0 || tokens[0] <= f.token {
			t.Errorf("runs under the tokens %v, want one, and not under %d, which had run out", tokens, f.token)
		}
	})
}
