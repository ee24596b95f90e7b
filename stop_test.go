package jobsy_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// What has ended and could not be settled is no clean end.
func TestRunTellsOfWhatItCouldNotSettle(t *testing.T) {
	inOutage(t, &jobsy.ServerOptions{ShutdownTimeout: time.Second}, func(s *jobsy.Server) {
		s.HandleFunc("work", func(context.Context, *task.Task) error { time.Sleep(time.Second); return nil })
	}, func(r *rig, f *flaky) {
		for range 3 {
			r.enqueue(task.New("work", nil))
		}
		f.away.Store(true)
		pass(2 * time.Second)
		if err := r.stop(); err == nil || !strings.Contains(err.Error(), "3 tasks that were done with could not be settled") {
			r.t.Errorf("P19: Run ended with %v, want it to tell of three tasks", err)
		}
	})
}

// A settlement is sent as long as its lease is kept, not only until the lease
// would have run out had nobody extended it.
func TestASettlementOutlivesTheFirstExpiry(t *testing.T) {
	runs := 0
	inOutage(t, &jobsy.ServerOptions{LeaseDuration: 6 * time.Second}, func(s *jobsy.Server) {
		s.HandleFunc("work", func(context.Context, *task.Task) error { runs++; time.Sleep(20 * time.Second); return nil })
	}, func(r *rig, f *flaky) {
		loading := errors.New("the script is being loaded")
		f.errSettle.Store(&loading) // neither away nor final
		work := r.enqueue(task.New("work", nil))
		pass(40 * time.Second)
		f.errSettle.Store(nil)
		pass(time.Minute)
		if r.want(work, task.StatusCompleted, 1); runs != 1 {
			r.t.Errorf("P1: the task ran %d times, want once", runs)
		}
	})
}

// stuckBroker does not come back from Settle, whatever its context, until it is
// let go.
type stuckBroker struct {
	*memory.Broker
	release chan struct{}
}

func (b *stuckBroker) Settle(ctx context.Context, outcomes []broker.Outcome) []error {
	<-b.release
	return b.Broker.Settle(ctx, outcomes)
}

// A broker that does not come back is left behind, and what it owes is told. What it
// says afterwards is nobody's business any more.
func TestRunEndsThoughItsBrokerHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &stuckBroker{memory.New(nil), make(chan struct{})}
		told := 0
		server := jobsy.NewServer(b, &jobsy.ServerOptions{
			ShutdownTimeout: 10 * time.Second, OnFailed: func(context.Context, *task.Task, error) { told++ },
		})
		server.HandleFunc("fail", func(context.Context, *task.Task) error { return jobsy.SkipRetry(errors.New("no")) })
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		if err := server.Client().Enqueue(ctx, task.New("fail", nil), task.New("fail", nil)); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		stop()
		began := time.Now()
		err := <-ended
		if took := time.Since(began); err == nil || !strings.Contains(err.Error(), "2 tasks that were done with could not be settled") || took > 15*time.Second {
			t.Errorf("P14: Run ended after %s with %v", took, err)
		}
		close(b.release)
		pass(time.Minute)
		if told != 0 {
			t.Errorf("OnFailed was called %d times after Run had returned", told)
		}
	})
}

func TestRunEndsWithItsBroker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		server := jobsy.NewServer(b, nil)
		ended := make(chan error, 1)
		go func() { ended <- server.Run(t.Context()) }()
		pass(time.Minute)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, task.ErrClosed) {
			t.Errorf("Run ended with %v, want task.ErrClosed", err)
		}
	})
}

// A clean stop leaves no warning.
func TestACleanStopIsQuiet(t *testing.T) {
	book := &logBook{}
	inBubble(t, &jobsy.ServerOptions{Logger: book.logger()}, func(s *jobsy.Server) {
		s.HandleFunc("work", func(context.Context, *task.Task) error { return nil })
	}, func(r *rig) {
		r.enqueueMany("work", 100)
		pass(4999 * time.Millisecond)
		if err := r.stop(); err != nil || strings.Contains(book.String(), "WARN") || strings.Contains(book.String(), "ERROR") {
			r.t.Errorf("Run ended with %v and logged:\n%s", err, book)
		}
	})
}

// A pause takes back what was leased ahead and has not begun.
func TestAPauseTakesBackWhatWaits(t *testing.T) {
	trained(t, 1, func(r *rig, ran *atomic.Int32) {
		r.leaseAheadOf("nap")
		if err := r.broker.Pause(r.t.Context(), task.DefaultQueue); err != nil {
			r.t.Fatal(err)
		}
		pass(time.Minute)
		if ran.Load() != 0 {
			r.t.Errorf("%d tasks began after the pause", ran.Load())
		}
		if err := r.broker.Resume(r.t.Context(), task.DefaultQueue); err != nil {
			r.t.Fatal(err)
		}
		pass(time.Minute)
		if ran.Load() != 100 {
			r.t.Errorf("%d of 100 tasks ran once the pause was over", ran.Load())
		}
	})
}
