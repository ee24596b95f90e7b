package jobsy_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
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
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

// rig is a server on an in-memory broker, inside a synctest bubble.
type rig struct {
	t      *testing.T
	broker *memory.Broker
	server *jobsy.Server
	client *jobsy.Client
	stop   func() error // ends Run and returns its error
}

// inBubble runs a test with a server that prepare has registered handlers on.
func inBubble(t *testing.T, opts *jobsy.ServerOptions, prepare func(*jobsy.Server), test func(*rig)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		r := start(t, b, b, opts, prepare)
		defer r.stop()
		test(r)
	})
}

func start(t *testing.T, b broker.Broker, store *memory.Broker, opts *jobsy.ServerOptions, prepare func(*jobsy.Server)) *rig {
	r := &rig{t: t, broker: store, server: jobsy.NewServer(b, opts)}
	r.client = r.server.Client()
	prepare(r.server)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.server.Run(ctx) }()
	r.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	return r
}

func (r *rig) enqueue(t *task.Task) *task.Task {
	r.t.Helper()
	if t.Retention == 0 {
		t.Retention = 24 * time.Hour
	}
	if err := r.client.Enqueue(r.t.Context(), t); err != nil {
		r.t.Fatalf("enqueue: %v", err)
	}
	synctest.Wait()
	return t
}

func (r *rig) look(t *task.Task) *task.Task {
	r.t.Helper()
	found, err := r.broker.Task(r.t.Context(), t.Queue, t.ID)
	if err != nil {
		r.t.Fatalf("look up: %v", err)
	}
	return found
}

func (r *rig) want(t *task.Task, status task.Status, attempt int) *task.Task {
	r.t.Helper()
	found := r.look(t)
	if found.Status != status || found.Attempt != attempt {
		r.t.Fatalf("task is %s after %d attempts, want %s after %d (last error: %s)",
			found.Status, found.Attempt, status, attempt, found.LastError)
	}
	return found
}

// pass lets fake time pass and everything that follows from it happen.
func pass(d time.Duration) {
	time.Sleep(d) // inside a bubble: fake time
	synctest.Wait()
}

func everySecond(int) time.Duration { return time.Second }

func TestServerCompletesATask(t *testing.T) {
	var got *task.Task
	inBubble(t, nil, func(s *jobsy.Server) {
		s.HandleFunc("work", func(ctx context.Context, t *task.Task) error {
			got = t
			if jobsy.FromContext(ctx) != t {
				return errors.New("FromContext is another task")
			}
			return nil
		})
	}, func(r *rig) {
		sent := r.enqueue(task.New("work", []byte("payload")))
		r.want(sent, task.StatusCompleted, 1)
		if got.ID != sent.ID || string(got.Payload) != "payload" || got.Attempt != 1 || got.Token == 0 || got.Status != task.StatusRunning {
			r.t.Errorf("handler got %+v", got)
		}
		if jobsy.FromContext(r.t.Context()) != nil {
			r.t.Error("FromContext outside of a handler is not nil")
		}
	})
}

func TestServerRetriesAndGivesUp(t *testing.T) {
	var at []time.Time
	inBubble(t, &jobsy.ServerOptions{Backoff: everySecond}, func(s *jobsy.Server) {
		s.HandleFunc("fail", func(context.Context, *task.Task) error {
			at = append(at, time.Now())
			return fmt.Errorf("failure %d", len(at))
		})
	}, func(r *rig) {
		work := task.New("fail", nil)
		work.MaxRetry = 2
		r.enqueue(work)
		if found := r.want(work, task.StatusRetrying, 1); found.LastError != "failure 1" {
			r.t.Errorf("last error %q", found.LastError)
		}
		pass(time.Hour)
		if found := r.want(work, task.StatusFailed, 3); found.LastError != "failure 3" || found.EndedAt.IsZero() {
			r.t.Errorf("last error %q, ended at %v", found.LastError, found.EndedAt)
		}
		for i := 1; i < len(at); i++ {
			if wait := at[i].Sub(at[i-1]); wait < time.Second || wait > time.Second+10*time.Millisecond {
				r.t.Errorf("P3: attempt %d came %s after the one before, want 1s", i+1, wait)
			}
		}
	})
}

func TestServerNoRetry(t *testing.T) {
	inBubble(t, nil, func(s *jobsy.Server) {
		s.HandleFunc("fail", func(context.Context, *task.Task) error { return errors.New("no") })
		s.HandleFunc("skip", func(context.Context, *task.Task) error {
			return fmt.Errorf("wrapped: %w", jobsy.SkipRetry(errors.New("hopeless")))
		})
		s.HandleFunc("skip nil", func(context.Context, *task.Task) error { return jobsy.SkipRetry(nil) })
	}, func(r *rig) {
		none := task.New("fail", nil)
		none.MaxRetry = -1
		r.want(r.enqueue(none), task.StatusFailed, 1)
		if found := r.want(r.enqueue(task.New("skip", nil)), task.StatusFailed, 1); found.LastError != "wrapped: hopeless" {
			r.t.Errorf("last error %q", found.LastError)
		}
		r.want(r.enqueue(task.New("skip nil", nil)), task.StatusFailed, 1)
	})
}

func TestServerSurvivesPanicAndGoexit(t *testing.T) {
	inBubble(t, &jobsy.ServerOptions{Concurrency: 1}, func(s *jobsy.Server) {
		s.HandleFunc("panic", func(context.Context, *task.Task) error { panic("at the disco") })
		s.HandleFunc("goexit", func(context.Context, *task.Task) error { runtime.Goexit(); return nil })
		s.HandleFunc("fine", func(context.Context, *task.Task) error { return nil })
	}, func(r *rig) {
		found := r.want(r.enqueue(task.New("panic", nil)), task.StatusRetrying, 1)
		if found.LastError != "panic: at the disco" {
			r.t.Errorf("last error %q", found.LastError)
		}
		if len(found.History) != 1 || !strings.Contains(found.History[0].Stack, "server_test.go") {
			r.t.Errorf("the history lacks the stack of the panic: %+v", found.History)
		}
		found = r.want(r.enqueue(task.New("goexit", nil)), task.StatusRetrying, 1)
		if !strings.Contains(found.LastError, "Goexit") {
			r.t.Errorf("last error %q", found.LastError)
		}
		r.want(r.enqueue(task.New("fine", nil)), task.StatusCompleted, 1)
	})
}

func TestServerSurvivesAPanickingBackoff(t *testing.T) {
	inBubble(t, &jobsy.ServerOptions{Backoff: func(int) time.Duration { panic("no") }}, func(s *jobsy.Server) {
		s.HandleFunc("fail", func(context.Context, *task.Task) error { return errors.New("no") })
	}, func(r *rig) {
		r.want(r.enqueue(task.New("fail", nil)), task.StatusRetrying, 1)
	})
}

func TestSnoozedTellsASnoozeFromAFailure(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]time.Duration{
		nil:                        0,
		errors.New("no disk"):      0,
		jobsy.Snooze(time.Minute):  time.Minute,
		jobsy.Snooze(-time.Minute): 0,
		fmt.Errorf("closed: %w", jobsy.Snooze(time.Hour)): time.Hour,
	} {
		d, ok := jobsy.Snoozed(err)
		if snoozed := err != nil && strings.Contains(err.Error(), "snoozed"); d != want || ok != snoozed {
			t.Errorf("Snoozed(%v) = %v, %v, want %v, %v", err, d, ok, want, snoozed)
		}
	}
}

func TestServerSnoozes(t *testing.T) {
	runs := 0
	inBubble(t, nil, func(s *jobsy.Server) {
		s.HandleFunc("later", func(context.Context, *task.Task) error {
			if runs++; runs < 100 {
				return jobsy.Snooze(time.Minute)
			}
			return nil
		})
	}, func(r *rig) {
		work := task.New("later", nil)
		work.MaxRetry = -1
		r.want(r.enqueue(work), task.StatusScheduled, 0)
		pass(2 * time.Hour)
		r.want(work, task.StatusCompleted, 1)
		if runs != 100 {
			r.t.Errorf("%d runs, want 100", runs)
		}
	})
}

func TestServerTimeout(t *testing.T) {
	var cause error
	inBubble(t, nil, func(s *jobsy.Server) {
		s.HandleFunc("slow", func(ctx context.Context, _ *task.Task) error {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return ctx.Err()
		})
		s.HandleFunc("late but fine", func(ctx context.Context, _ *task.Task) error { <-ctx.Done(); return nil })
	}, func(r *rig) {
		work := task.New("slow", nil)
		work.Timeout = 500 * time.Millisecond
		r.enqueue(work)
		r.want(work, task.StatusRunning, 0)
		pass(500 * time.Millisecond)
		if found := r.want(work, task.StatusRetrying, 1); !errors.Is(cause, task.ErrTimeout) || found.LastError != task.ErrTimeout.Error() {
			r.t.Errorf("cause %v, last error %q", cause, found.LastError)
		}
		fine := task.New("late but fine", nil)
		fine.Timeout = time.Second
		r.enqueue(fine)
		pass(time.Second)
		r.want(fine, task.StatusCompleted, 1)
	})
}

func TestServerNoTimeout(t *testing.T) {
	inBubble(t, nil, func(s *jobsy.Server) {
		s.HandleFunc("slow", func(ctx context.Context, _ *task.Task) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(48 * time.Hour):
				return nil
			}
		})
	}, func(r *rig) {
		work := task.New("slow", nil)
		work.Timeout = -1
		r.enqueue(work)
		pass(48 * time.Hour) // its lease is extended thousands of times
		r.want(work, task.StatusCompleted, 1)
	})
}

func TestServerDeadline(t *testing.T) {
	ran := 0
	inBubble(t, &jobsy.ServerOptions{Concurrency: 1, Backoff: everySecond}, func(s *jobsy.Server) {
		s.HandleFunc("block", func(context.Context, *task.Task) error { time.Sleep(10 * time.Second); return nil })
		s.HandleFunc("work", func(context.Context, *task.Task) error { ran++; return errors.New("no") })
		s.HandleFunc("slow", func(ctx context.Context, _ *task.Task) error { <-ctx.Done(); return context.Cause(ctx) })
	}, func(r *rig) {
		r.enqueue(task.New("block", nil))
		late := task.New("work", nil)
		late.Deadline = time.Now().Add(5 * time.Second)
		r.enqueue(late)
		pass(10 * time.Second)
		if found := r.want(late, task.StatusFailed, 0); ran != 0 || !strings.Contains(found.LastError, "deadline") {
			r.t.Errorf("ran %d times, last error %q", ran, found.LastError)
		}

		between := task.New("work", nil)
		between.Deadline = time.Now().Add(2500 * time.Millisecond)
		r.enqueue(between)
		pass(time.Minute)
		if found := r.want(between, task.StatusFailed, 3); !strings.Contains(found.LastError, "deadline") || !strings.Contains(found.LastError, "no") {
			r.t.Errorf("last error %q", found.LastError)
		}

		during := task.New("slow", nil)
		during.Deadline = time.Now().Add(time.Second)
		r.enqueue(during)
		pass(time.Second)
		r.want(during, task.StatusFailed, 1)
	})
}

func TestServerKeepsAnUnknownName(t *testing.T) {
	inBubble(t, nil, func(*jobsy.Server) {}, func(r *rig) {
		work := task.New("unheard of", nil)
		work.MaxRetry = -1
		r.want(r.enqueue(work), task.StatusScheduled, 0)
		pass(10 * 24 * time.Hour)
		r.want(work, task.StatusScheduled, 0)
		r.server.HandleFunc("unheard of", func(context.Context, *task.Task) error { return nil })
		pass(time.Minute)
		r.want(work, task.StatusCompleted, 1)
	})
}

// Tasks of an unknown name wait without being looked at, until a server knows it:
// by its next deployment, or by a handler that is registered later.
func TestUnknownNamesCostNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFlaky()
		r := start(t, f, f.Broker, nil, func(s *jobsy.Server) {
			s.HandleFunc("known", func(context.Context, *task.Task) error { return nil })
		})
		defer r.stop()
		r.enqueueMany("unknown", 500)
		pass(time.Minute)
		leases, settles := f.leases.Load(), f.settles.Load()
		pass(time.Hour)
		if l, s := f.leases.Load()-leases, f.settles.Load()-settles; l+s > 2 {
			t.Errorf("P11: %d calls for leases and %d settlements in an hour of waiting", l, s)
		}
		var ran atomic.Int32
		r.server.HandleFunc("unknown", func(_ context.Context, t *task.Task) error {
			if t.Attempt != 1 || t.Deliveries != 1 {
				r.t.Errorf("P7: attempt %d, delivery %d of a task that waited for its handler", t.Attempt, t.Deliveries)
			}
			ran.Add(1)
			time.Sleep(time.Microsecond)
			return nil
		})
		pass(time.Second)
		if counts, err := f.Broker.Counts(t.Context(), task.DefaultQueue); ran.Load() != 500 || counts[task.StatusScheduled] != 0 {
			t.Errorf("%d of 500 ran within a second of the registration; counts %v, %v", ran.Load(), counts, err)
		}
	})
}

// Two servers of one name are two: neither gets the leases of the other.
func TestServersOfOneNameAreTwo(t *testing.T) {
	for name, makeBroker := range map[string]func(*testing.T) func() broker.Broker{"memory": oneInMemory, "redis": manyOnRedis} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open := makeBroker(t)
			client := jobsy.NewClient(open(), nil)
			var mu sync.Mutex
			runs := make(map[string]int)
			var left sync.WaitGroup
			ctx, stop := context.WithCancel(t.Context())
			var servers sync.WaitGroup
			for range 2 {
				server := jobsy.NewServer(open(), &jobsy.ServerOptions{Name: "twin", Concurrency: 50})
				server.HandleFunc("work", func(_ context.Context, t *task.Task) error {
					mu.Lock()
					defer mu.Unlock()
					if runs[string(t.Payload)]++; runs[string(t.Payload)] == 1 {
						left.Done()
					}
					return nil
				})
				servers.Go(func() {
					if err := server.Run(ctx); err != nil {
						t.Error(err)
					}
				})
			}
			const n = 1000
			left.Add(n)
			for i := range n / 10 {
				batch := make([]*task.Task, 10)
				for j := range batch {
					batch[j] = task.New("work", fmt.Append(nil, 10*i+j))
				}
				if err := client.Enqueue(ctx, batch...); err != nil {
					t.Fatal(err)
				}
			}
			left.Wait()
			stop()
			servers.Wait()
			for payload, times := range runs {
				if times != 1 {
					t.Errorf("P2: task %s ran %d times", payload, times)
				}
			}
		})
	}
}

func oneInMemory(t *testing.T) func() broker.Broker {
	b := memory.New(nil)
	t.Cleanup(func() { _ = b.Close() })
	return func() broker.Broker { return b }
}

func manyOnRedis(t *testing.T) func() broker.Broker {
	url := redistest.Start(t).URL()
	return func() broker.Broker {
		b, err := redis.Open(url, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close() })
		return b
	}
}

func TestServerConcurrencyIsAPromise(t *testing.T) {
	var now, most atomic.Int32
	inBubble(t, &jobsy.ServerOptions{Concurrency: 3, Backoff: everySecond}, func(s *jobsy.Server) {
		s.HandleFunc("stubborn", func(context.Context, *task.Task) error {
			n := now.Add(1)
			defer now.Add(-1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			time.Sleep(time.Minute) // ignores its context
			return errors.New("again")
		})
	}, func(r *rig) {
		for range 20 {
			work := task.New("stubborn", nil)
			work.Timeout, work.MaxRetry = time.Second, 2
			r.enqueue(work)
		}
		pass(time.Hour)
		if most.Load() != 3 {
			r.t.Errorf("P5: up to %d handlers at once, want 3", most.Load())
		}
		if counts, _ := r.broker.Counts(r.t.Context(), task.DefaultQueue); counts[task.StatusFailed] != 20 {
			r.t.Errorf("counts %v, want 20 failed", counts)
		}
	})
}

func TestServerMiddleware(t *testing.T) {
	var order []string
	named := func(name string) jobsy.Middleware {
		return func(next jobsy.Handler) jobsy.Handler {
			return func(ctx context.Context, t *task.Task) error {
				order = append(order, name)
				defer func() { order = append(order, "/"+name) }()
				return next(ctx, t)
			}
		}
	}
	handler := func(context.Context, *task.Task) error { order = append(order, "handler"); return nil }
	inBubble(t, nil, func(s *jobsy.Server) {
		s.HandleFunc("before", handler)
		s.Use(named("outer"), named("inner"))
	}, func(r *rig) {
		want := []string{"outer", "inner", "handler", "/inner", "/outer"}
		r.enqueue(task.New("before", nil))
		if !slices.Equal(order, want) {
			r.t.Errorf("order %v, want %v", order, want)
		}
		order = nil
		r.server.HandleFunc("after", handler)
		r.enqueue(task.New("after", nil))
		if !slices.Equal(order, want) {
			r.t.Errorf("order %v for a handler registered while running, want %v", order, want)
		}
	})
}

type greeting struct{ Name string }

func TestServerTypedHandler(t *testing.T) {
	greet := task.Kind[greeting]{Name: "greet", MaxRetry: 1, Queue: "mail"}
	var got []string
	inBubble(t, &jobsy.ServerOptions{Queues: map[string]int{"mail": 1}, Backoff: everySecond}, func(s *jobsy.Server) {
		jobsy.Handle(s, greet, func(_ context.Context, g greeting) error { got = append(got, g.Name); return nil })
	}, func(r *rig) {
		r.want(r.enqueue(greet.New(greeting{"Ada"})), task.StatusCompleted, 1)
		bad := greet.New(greeting{})
		bad.Payload = []byte("{")
		r.enqueue(bad)
		pass(time.Minute)
		if found := r.want(bad, task.StatusFailed, 2); !strings.Contains(found.LastError, "greet") {
			r.t.Errorf("last error %q", found.LastError)
		}
		if !slices.Equal(got, []string{"Ada"}) {
			r.t.Errorf("handler got %v", got)
		}
	})
}

func TestServerShutdownLetsHandlersFinish(t *testing.T) {
	inBubble(t, nil, func(s *jobsy.Server) {
		s.HandleFunc("slow", func(ctx context.Context, _ *task.Task) error {
			select {
			case <-time.After(10 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}, func(r *rig) {
		work := r.enqueue(task.New("slow", nil))
		begin := time.Now()
		if err := r.stop(); err != nil {
			r.t.Errorf("Run: %v", err)
		}
		if took := time.Since(begin); took != 10*time.Second {
			r.t.Errorf("Run took %s to end, want the 10s that the handler needs", took)
		}
		r.want(work, task.StatusCompleted, 1)
	})
}

func TestServerShutdownHandsBack(t *testing.T) {
	var cause error
	inBubble(t, &jobsy.ServerOptions{ShutdownTimeout: time.Second}, func(s *jobsy.Server) {
		s.HandleFunc("slow", func(ctx context.Context, _ *task.Task) error {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return ctx.Err()
		})
	}, func(r *rig) {
		work := task.New("slow", nil)
		work.MaxRetry = -1
		r.enqueue(work)
		begin := time.Now()
		if err := r.stop(); err != nil {
			r.t.Errorf("Run: %v", err)
		}
		if took := time.Since(begin); took != time.Second || !errors.Is(cause, task.ErrShutdown) {
			r.t.Errorf("took %s, cause %v", took, cause)
		}
		found := r.want(work, task.StatusPending, 0)
		if found.LastError != "" {
			r.t.Errorf("P7: shutting down left the error %q", found.LastError)
		}
		leases, err := r.broker.Lease(r.t.Context(), broker.LeaseRequest{Worker: "w", Queues: []string{"default"}, Max: 1, Duration: time.Second})
		if err != nil || len(leases) != 1 || leases[0].Deliveries != 1 {
			r.t.Errorf("P7: next lease %+v, %v, want one with 1 delivery", leases, err)
		}
	})
}

func TestServerShutdownLeavesAStubbornHandlerBehind(t *testing.T) {
	release := make(chan struct{})
	inBubble(t, &jobsy.ServerOptions{ShutdownTimeout: time.Second}, func(s *jobsy.Server) {
		s.HandleFunc("stubborn", func(context.Context, *task.Task) error { <-release; return nil })
	}, func(r *rig) {
		release = make(chan struct{})
		work := r.enqueue(task.New("stubborn", nil))
		if err := r.stop(); err == nil || !strings.Contains(err.Error(), "1 handlers ignored") {
			r.t.Errorf("Run: %v, want an error that counts the handler left behind", err)
		}
		r.want(work, task.StatusPending, 0)
		close(release) // its late end must not change anything
		synctest.Wait()
		r.want(work, task.StatusPending, 0)
	})
}

// A producer in another language, or New, has no payload for what needs none.
func TestHandleOfNothing(t *testing.T) {
	inBubble(t, nil, func(s *jobsy.Server) {
		jobsy.Handle(s, task.Kind[struct{}]{Name: "tick"}, func(context.Context, struct{}) error { return nil })
	}, func(r *rig) {
		r.want(r.enqueue(task.New("tick", nil)), task.StatusCompleted, 1)
	})
}

func TestServerRunsOnce(t *testing.T) {
	inBubble(t, nil, func(*jobsy.Server) {}, func(r *rig) {
		synctest.Wait()
		if err := r.server.Run(r.t.Context()); !errors.Is(err, task.ErrStarted) {
			r.t.Errorf("second Run: %v, want ErrStarted", err)
		}
	})
}

func TestServerRefusesBadRegistrations(t *testing.T) {
	t.Parallel()
	ok := func(context.Context, *task.Task) error { return nil }
	for want, register := range map[string]func(*jobsy.Server){
		`handler must not be nil, got nil for "a"`:                   func(s *jobsy.Server) { s.HandleFunc("a", nil) },
		`handler must not be nil, got nil for "k"`:                   func(s *jobsy.Server) { jobsy.Handle[int](s, task.Kind[int]{Name: "k"}, nil) },
		`handler name must not be empty`:                             func(s *jobsy.Server) { s.HandleFunc("", ok) },
		`handler name must be registered once, got "a" twice`:        func(s *jobsy.Server) { s.HandleFunc("a", ok); s.HandleFunc("a", ok) },
		`handler name must not contain control characters, got "\n"`: func(s *jobsy.Server) { s.HandleFunc("\n", ok) },
		`middleware must not be nil`:                                 func(s *jobsy.Server) { s.Use(nil) },
	} {
		s := jobsy.NewServer(nil, nil)
		register(s)
		if err := s.Run(t.Context()); err == nil || err.Error() != want || !errors.Is(err, task.ErrInvalid) {
			t.Errorf("Run: %v, want %s", err, want)
		}
	}
}

func TestServerRefusesBadOptions(t *testing.T) {
	t.Parallel()
	for field, opts := range map[string]jobsy.ServerOptions{
		"ServerOptions.Concurrency":     {Concurrency: -1},
		`ServerOptions.Queues["q"]`:     {Queues: map[string]int{"q": 0}},
		"ServerOptions.Queues":          {Queues: map[string]int{"{": 1}},
		"ServerOptions.Name":            {Name: "\x00"},
		"ServerOptions.LeaseDuration":   {LeaseDuration: time.Millisecond},
		"ServerOptions.MaxDeliveries":   {MaxDeliveries: -2},
		"ServerOptions.ShutdownTimeout": {ShutdownTimeout: -2},
		"ServerOptions.FailedRetention": {FailedRetention: -time.Second},
	} {
		err := jobsy.NewServer(nil, &opts).Run(t.Context())
		var broken *task.FieldError
		if !errors.As(err, &broken) || broken.Field != field {
			t.Errorf("%s: Run: %v", field, err)
		}
	}
}
