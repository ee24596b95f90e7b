package jobsy_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// counter notes what is extended.
type counter struct {
	*flaky
	mu      sync.Mutex
	calls   int
	reports []task.Progress
}

func (c *counter) Extend(ctx context.Context, leases []broker.Lease, by time.Duration) []error {
	c.mu.Lock()
	c.calls++
	for i := range leases {
		if p := leases[i].Progress; p != nil {
			c.reports = append(c.reports, *p)
		}
	}
	c.mu.Unlock()
	return c.flaky.Extend(ctx, leases, by)
}

func (c *counter) taken() (calls int, reports []task.Progress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls, reports = c.calls, c.reports
	c.calls, c.reports = 0, nil
	return calls, reports
}

func counting(t *testing.T, handler jobsy.Handler, test func(*rig, *counter)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &counter{flaky: newFlaky()}
		r := start(t, c, c.flaky.Broker, nil, func(s *jobsy.Server) { s.HandleFunc("work", handler) })
		defer r.stop()
		pass(time.Minute) // the server has begun
		c.taken()
		test(r, c)
	})
}

func TestProgressIsSentOnceASecond(t *testing.T) {
	counting(t, func(ctx context.Context, _ *task.Task) error {
		for i := range 100 { // in ten seconds
			if err := jobsy.Progress(ctx, float64(i)/100, "step"); err != nil {
				return err
			}
			time.Sleep(100 * time.Millisecond)
		}
		return nil
	}, func(r *rig, c *counter) {
		work := r.enqueue(task.New("work", nil))
		if _, reports := c.taken(); len(reports) != 1 {
			t.Errorf("%d reports at once, want 1", len(reports))
		}
		pass(10 * time.Second)
		if _, reports := c.taken(); len(reports) < 8 || len(reports) > 14 { // a heartbeat takes what there is along
			t.Errorf("%d reports in ten seconds, want about ten", len(reports))
		}
		if p := r.want(work, task.StatusCompleted, 1).Progress; p.Fraction != 0.99 {
			t.Errorf("progress at the end %+v", p)
		}
		pass(time.Hour)
		if calls, _ := c.taken(); calls != 0 {
			t.Errorf("%d calls after the end", calls)
		}
	})
}

func TestNothingIsSentForWhoReportsNothing(t *testing.T) {
	counting(t, func(context.Context, *task.Task) error { time.Sleep(4 * time.Second); return nil }, func(r *rig, c *counter) {
		r.enqueue(task.New("work", nil))
		pass(5 * time.Second)
		if calls, _ := c.taken(); calls != 0 {
			t.Errorf("P11: %d calls for a handler that reports nothing", calls)
		}
	})
}

func TestProgressIsSentAfterAnOutage(t *testing.T) {
	counting(t, func(ctx context.Context, _ *task.Task) error {
		err := jobsy.Progress(ctx, 0.5, "half")
		time.Sleep(time.Minute)
		return err
	}, func(r *rig, c *counter) {
		c.away.Store(true)
		work := task.New("work", nil)
		work.Retention = time.Hour
		if err := c.flaky.Broker.Enqueue(t.Context(), []*task.Task{work}); err != nil {
			t.Fatal(err)
		}
		pass(3 * time.Second)
		c.away.Store(false)
		pass(4 * time.Second)
		if p := r.look(work).Progress; p.Fraction != 0.5 {
			t.Errorf("progress after an outage %+v", p)
		}
		pass(time.Hour)
	})
}

func TestReportsThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		jobsy.Progress(t.Context(), 0.5, ""),
		jobsy.SetResult(t.Context(), nil),
	} {
		if !errors.Is(err, task.ErrInvalid) || !strings.HasPrefix(err.Error(), "ctx ") {
			t.Errorf("outside of a handler: %v", err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		r := start(t, b, b, nil, func(s *jobsy.Server) {
			s.HandleFunc("work", func(ctx context.Context, _ *task.Task) error {
				for _, fraction := range []float64{-0.1, 1.1, math.NaN(), math.Inf(1)} {
					if err := jobsy.Progress(ctx, fraction, ""); !errors.Is(err, task.ErrInvalid) {
						t.Errorf("fraction %v: %v", fraction, err)
					}
				}
				<-ctx.Done()
				return jobsy.Progress(ctx, 0.5, "too late")
			})
		})
		defer r.stop()
		work := task.New("work", nil)
		work.Timeout, work.MaxRetry = time.Second, -1
		r.enqueue(work)
		pass(time.Second)
		if found := r.want(work, task.StatusFailed, 1); found.LastError != task.ErrTimeout.Error() || found.Progress.Fraction != 0 {
			t.Errorf("reported after the end: %+v", found)
		}
	})
}

func TestAResultThatIsTooLargeFails(t *testing.T) {
	large := task.Kind[int]{Name: "large", MaxRetry: -1}
	inBubble(t, nil, func(s *jobsy.Server) {
		jobsy.HandleResult(s, large, func(_ context.Context, n int) (string, error) { return strings.Repeat("x", n), nil })
		jobsy.HandleResult(s, task.Kind[int]{Name: "odd", MaxRetry: -1}, func(context.Context, int) (chan int, error) { return nil, nil })
	}, func(r *rig) {
		r.want(r.enqueue(large.New(jobsy.MaxResult-2)), task.StatusCompleted, 1)
		found := r.want(r.enqueue(large.New(jobsy.MaxResult-1)), task.StatusFailed, 1)
		if !strings.Contains(found.LastError, "result must be at most 1048576 bytes") || found.Result != nil {
			r.t.Errorf("last error %q", found.LastError)
		}
		if found := r.want(r.enqueue(task.New("odd", []byte("1"))), task.StatusFailed, 1); !strings.Contains(found.LastError, "encode result of odd") {
			r.t.Errorf("last error %q", found.LastError)
		}
	})
}

// One who waits gets the result of a task without a Retention.
func TestAWaiterGetsWhatIsNotKept(t *testing.T) {
	double := task.Kind[int]{Name: "double"}
	inBubble(t, nil, func(s *jobsy.Server) {
		jobsy.HandleResult(s, double, func(_ context.Context, n int) (int, error) { time.Sleep(time.Second); return 2 * n, nil })
	}, func(r *rig) {
		work := double.New(21)
		if err := r.client.Enqueue(r.t.Context(), work); err != nil {
			r.t.Fatal(err)
		}
		if got, err := jobsy.WaitResult[int](r.t.Context(), r.client, work); got != 42 || err != nil {
			r.t.Errorf("result %d, %v", got, err)
		}
		pass(2 * time.Minute)
		if _, err := r.client.Get(r.t.Context(), work); !errors.Is(err, task.ErrNotFound) {
			r.t.Errorf("afterwards: %v", err)
		}
	})
}

func TestHistoryLeavesOutWhatCostsNothing(t *testing.T) {
	errDeploying := errors.New("deploying")
	runs := 0
	inBubble(t, &jobsy.ServerOptions{
		Backoff:   everySecond,
		IsFailure: func(err error) bool { return !errors.Is(err, errDeploying) },
	}, func(s *jobsy.Server) {
		s.HandleFunc("work", func(context.Context, *task.Task) error {
			runs++
			switch runs {
			case 1:
				return jobsy.Snooze(time.Second)
			case 2:
				return errDeploying
			}
			return nil
		})
	}, func(r *rig) {
		work := r.enqueue(task.New("work", nil))
		pass(time.Minute)
		found := r.want(work, task.StatusCompleted, 1)
		if len(found.History) != 2 || found.History[0].Error != "deploying" || found.History[1].Error != "" {
			r.t.Errorf("history %+v", found.History)
		}
	})
}

// lateNews tells of a cancellation before the lease has come.
type lateNews struct {
	*memory.Broker
	leased func(*task.Task)
}

func (l *lateNews) Lease(ctx context.Context, req broker.LeaseRequest) ([]broker.Lease, error) {
	leases, err := l.Broker.Lease(ctx, req)
	for i := range leases {
		l.leased(leases[i].Task)
	}
	return leases, err
}

func TestACancellationBeforeItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		client := jobsy.NewClient(b, nil)
		late := &lateNews{Broker: b, leased: func(leased *task.Task) {
			if err := client.Cancel(context.Background(), leased); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Millisecond) // the news are first
		}}
		r := start(t, late, b, nil, func(s *jobsy.Server) {
			s.HandleFunc("work", func(ctx context.Context, _ *task.Task) error { <-ctx.Done(); return nil })
		})
		defer r.stop()
		pass(time.Minute)
		work := r.enqueue(task.New("work", nil))
		pass(time.Second)
		if found := r.look(work); !found.Status.Ended() {
			t.Errorf("a second later it is %s", found.Status)
		}
	})
}

func TestAPanicAfterACancellation(t *testing.T) {
	inBubble(t, nil, func(s *jobsy.Server) {
		s.HandleFunc("work", func(ctx context.Context, _ *task.Task) error { <-ctx.Done(); panic(context.Cause(ctx)) })
	}, func(r *rig) {
		work := r.enqueue(task.New("work", nil))
		if err := r.client.Cancel(r.t.Context(), work); err != nil {
			r.t.Fatal(err)
		}
		synctest.Wait()
		found := r.want(work, task.StatusCancelled, 1)
		if found.LastError != "panic: task cancelled" || len(found.History) != 1 || found.History[0].Stack == "" {
			r.t.Errorf("ended as %+v", found)
		}
	})
}

func TestCancelledRetention(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		of, own, kept time.Duration
	}{
		"default":        {0, 0, jobsy.DefaultFailedRetention},
		"not at all":     {-1, 0, 0},
		"the task's own": {-1, time.Hour, time.Hour},
		"the longer":     {2 * time.Hour, time.Hour, 2 * time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			client := jobsy.NewClient(memory.New(nil), &jobsy.ClientOptions{CancelledRetention: c.of})
			work := task.New("work", nil)
			work.Retention = c.own
			if err := errors.Join(client.Enqueue(t.Context(), work), client.Cancel(t.Context(), work)); err != nil {
				t.Fatal(err)
			}
			if c.kept > 0 {
				time.Sleep(c.kept - time.Second)
				if found, err := client.Get(t.Context(), work); err != nil || found.Status != task.StatusCancelled {
					t.Errorf("%s: %+v, %v", name, found, err)
				}
				time.Sleep(2 * time.Second)
			}
			if _, err := client.Get(t.Context(), work); !errors.Is(err, task.ErrNotFound) {
				t.Errorf("%s: kept too long: %v", name, err)
			}
		})
	}
}

// bare offers nothing beside the contract.
type bare struct{ broker.Broker }

func TestABrokerThatLacksIt(t *testing.T) {
	t.Parallel()
	client, work := jobsy.NewClient(bare{memory.New(nil)}, nil), task.New("work", nil)
	_, waited := client.Wait(t.Context(), work)
	_, got := client.Get(t.Context(), work)
	for want, err := range map[string]error{
		"Notifier":  waited,
		"Inspector": got,
		"Operator":  errors.Join(client.Cancel(t.Context(), work)),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that names %s", err, want)
		}
	}
	for _, err := range []error{
		jobsy.NewClient(nil, nil).Cancel(t.Context(), work),
		jobsy.NewClient(memory.New(nil), nil).Cancel(t.Context(), nil),
		jobsy.NewClient(memory.New(nil), &jobsy.ClientOptions{CancelledRetention: -2}).Retry(t.Context(), work),
		jobsy.NewClient(memory.New(nil), &jobsy.ClientOptions{MaxPayload: -1}).Delete(t.Context(), work),
	} {
		if !errors.Is(err, task.ErrInvalid) {
			t.Errorf("error %v, want an invalid field", err)
		}
	}
}
