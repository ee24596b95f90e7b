package memory_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

const slowSave = 20 * time.Millisecond

// openSlowly returns a broker whose storage takes its time for each task it saves.
func openSlowly(t *testing.T) (*rig, *records) {
	s := newRecords(t)
	r := s.open(t)
	s.delay = slowSave
	return r, s
}

// quick checks that something takes no time, however slow the storage is.
func (r *rig) quick(what string, call func()) {
	r.Helper()
	start := time.Now()
	if call(); time.Since(start) != 0 {
		r.Errorf("%s took %v beside a slow storage", what, time.Since(start))
	}
}

// While a batch is on its way to a slow storage, leases are extended and the broker
// is looked at without delay, and what others change comes in between.
func TestBatchOnSlowStorage(t *testing.T) {
	t.Parallel()
	later := func(l ...broker.Lease) []broker.Outcome {
		return outcomes(broker.Outcome{Status: task.StatusRetrying, Delay: time.Hour}, l...)
	}
	for name, batch := range map[string]func(r *rig, held []broker.Lease) []error{
		"Enqueue": func(r *rig, _ []broker.Lease) []error {
			return r.Enqueue(context.Background(), labelled(numbers(broker.MaxBatch)...))
		},
		"Settle": func(r *rig, held []broker.Lease) []error { return r.Settle(context.Background(), later(held...)) },
		"Revise": func(r *rig, _ []broker.Lease) []error {
			var ids []uuid.UUID
			tasks, _, _ := r.Tasks(context.Background(), "revised", task.StatusPending, "", broker.MaxBatch)
			for _, t := range tasks {
				ids = append(ids, t.ID)
			}
			return r.Revise(context.Background(), "revised", ids, broker.Change{Priority: 7})
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newRecords(t)
			r := s.open(t)
			revised := labelled(numbers(broker.MaxBatch)...)
			for _, t := range revised {
				t.Queue = "revised"
			}
			r.enqueue(revised...)
			r.enqueue(labelled(numbers(broker.MaxBatch)...)...)
			held := r.lease(broker.MaxBatch)
			s.delay = slowSave
			start, done := time.Now(), make(chan []error, 1)
			go func() { done <- batch(r, held) }()
			for time.Sleep(slowSave / 2); len(done) == 0 && time.Since(start) < time.Minute; time.Sleep(time.Second) {
				r.quick("Extend", func() {
					if errs := r.Extend(t.Context(), held[len(held)-1:], time.Minute); errs != nil {
						t.Fatalf("Extend beside %s returned %v", name, errs)
					}
				})
				r.quick("Counts", func() { r.counts(task.DefaultQueue) })
				one, before := labelled("between")[0], time.Now()
				if one.Queue = "between"; time.Since(start) < 15*time.Second {
					r.enqueue(one)
				}
				if took := time.Since(before); took > 3*slowSave {
					t.Errorf("Enqueue of one task beside %s took %v", name, took)
				}
			}
			if errs := <-done; errs != nil {
				t.Errorf("%s returned %v", name, errs[0])
			}
		})
	}
}

// A Lease call on a slow storage returns while what it has drawn is worth having,
// and leaves room for others.
func TestLeaseOnSlowStorage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRecords(t)
		r := s.open(t)
		r.enqueue(labelled(numbers(broker.MaxBatch)...)...)
		s.delay = slowSave
		for _, duration := range []time.Duration{time.Minute, 100 * time.Millisecond, time.Millisecond} {
			req, start := request(broker.MaxBatch), time.Now()
			req.Duration = duration
			leases, err := r.Lease(t.Context(), req)
			if err != nil || len(leases) == 0 || time.Since(start) > 200*time.Millisecond {
				t.Fatalf("Lease returned %d leases, %v after %v", len(leases), err, time.Since(start))
			}
			if left := time.Until(leases[0].Expires); left < duration/2 {
				t.Errorf("the first of %d leases for %v has %v left", len(leases), duration, left)
			}
			for i, err := range r.Extend(t.Context(), leases, time.Hour) {
				t.Errorf("lease %d was lost before it was returned: %v", i, err)
			}
		}
	})
}

// Of a lease that is extended while another worker takes it over, whoever extended
// it is the holder.
func TestExtendWhileTakenOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, s := openSlowly(t)
		r.enqueue(labelled("a")...)
		held := r.lease(1)
		time.Sleep(time.Until(held[0].Expires))
		other := r.start(t.Context(), 1)
		time.Sleep(slowSave / 2)
		if errs := r.Extend(t.Context(), held, time.Minute); errs != nil {
			t.Fatalf("Extend returned %v", errs)
		}
		time.Sleep(slowSave * 2)
		select {
		case got := <-other:
			t.Fatalf("the task was leased as well: %+v", got)
		default:
		}
		if stored, err := s.LoadTask(held[0].ID); err != nil || stored.Token != held[0].Token || stored.Deliveries != 1 {
			t.Errorf("the storage has token %d, delivery %d, want those of the holder", stored.Token, stored.Deliveries)
		}
		r.settle(task.StatusPending, held...)
		if got := <-other; len(got.leases) != 1 || got.leases[0].Token <= held[0].Token {
			t.Errorf("Lease returned %+v, want the released task", got)
		}
	})
}

// A task that is being saved is left alone by all others: each change finds it
// either as it was or as it has become.
func TestChangesOfOneTaskMeet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, _ := openSlowly(t)
		a := labelled("a")[0]
		results := make(chan error, 2)
		enqueue := func() {
			results <- errors.Join(r.Enqueue(t.Context(), []*task.Task{a.Clone()})...)
		}
		go enqueue()
		go enqueue()
		synctest.Wait()
		if n := r.counts(task.DefaultQueue)[task.StatusPending]; n != 0 {
			t.Errorf("%d tasks are there before any was saved", n)
		}
		one, other := <-results, <-results
		if one == nil {
			one = other
			other = nil
		}
		var duplicate *task.DuplicateError
		if other != nil || !errors.As(one, &duplicate) || !duplicate.Same {
			t.Errorf("Enqueue of one task twice: %v and %v, want it taken once, and refused by itself", one, other)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		first, second := r.start(ctx, 9), r.start(ctx, 9)
		synctest.Wait()
		cancelled := make(chan []error)
		go func() {
			cancelled <- r.Revise(t.Context(), task.DefaultQueue, []uuid.UUID{a.ID}, broker.Change{Status: task.StatusCancelled})
		}()
		var got answer
		select {
		case got = <-first:
		case got = <-second:
		}
		r.isLeased(got.leases, "a")
		if errs := <-cancelled; errs != nil {
			t.Errorf("cancelling returned %v", errs)
		}
		for range 2 {
			go func() {
				retry := broker.Outcome{Status: task.StatusRetrying, Delay: time.Hour}
				results <- errors.Join(r.Settle(t.Context(), outcomes(retry, got.leases...))...)
			}()
		}
		if one, other := <-results, <-results; one != nil || !errors.Is(other, task.ErrLeaseLost) {
			t.Errorf("two settlements returned %v and %v, want that the second has lost its lease", one, other)
		}
		cancel()
		synctest.Wait()
		r.leavesNothing() // it has ended as cancelled, to be kept for no time
	})
}

// A task that is changed after its end, and is overdue by the time that the storage
// has it, is not dropped meanwhile.
func TestOverdueWhileSaved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, s := openSlowly(t)
		a := labelled("a")[0]
		r.enqueue(a)
		r.settleAll(outcomes(broker.Outcome{Status: task.StatusFailed, Keep: slowSave * 3 / 2}, r.lease(1)...))
		done := make(chan []error)
		go func() {
			done <- r.Revise(t.Context(), task.DefaultQueue, []uuid.UUID{a.ID}, broker.Change{Status: task.StatusPending})
		}()
		time.Sleep(slowSave * 19 / 20)
		r.counts(task.DefaultQueue) // sweeps
		if errs := <-done; errs != nil {
			t.Errorf("Revise returned %v", errs)
		}
		s.delay = 0
		held := r.lease(1)
		r.isLeased(held, "a")
		r.settle(task.StatusCompleted, held...)
		r.leavesNothing()
		if n := s.count(); n != 0 {
			t.Errorf("the storage has %d tasks, want none", n)
		}
	})
}

// A pause holds once Pause has returned, also where a Lease call was under way.
func TestPauseWhileLeasing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, _ := openSlowly(t)
		r.enqueue(labelled("a", "b")...)
		call := r.start(t.Context(), 1)
		synctest.Wait()
		if err := r.Pause(t.Context(), task.DefaultQueue); err != nil {
			t.Fatal(err)
		}
		leased := r.counts(task.DefaultQueue)[task.StatusRunning]
		if got := <-call; len(got.leases) != leased {
			t.Errorf("%d leases were drawn after the pause had begun", len(got.leases)-leased)
		}
	})
}

// A storage that hangs holds up nobody who does not need it, and those who do
// no longer than their contexts allow.
func TestStorageHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRecords(t)
		r := s.open(t)
		r.enqueue(labelled("a", "b")...)
		held := r.lease(1)
		s.beforehand(func(string, uuid.UUID) error { time.Sleep(time.Hour); return nil })
		stuck := make(chan []error)
		go func() { stuck <- r.Enqueue(context.Background(), labelled("c")) }()
		synctest.Wait()
		for name, call := range everyCall(r.Broker) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			start := time.Now()
			err := call(ctx)
			needs := slices.Contains([]string{
				"Enqueue", "Lease", "Settle", "Revise", "Pause", "Wait", "Tick", "PauseSchedule", "ResumeSchedule", "Forget",
			}, name)
			if waits := name == "News"; needs != errors.Is(err, context.DeadlineExceeded) && !waits {
				t.Errorf("%s returned %v after %v", name, err, time.Since(start))
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("%s took %v", name, took)
			}
			cancel()
		}
		r.quick("Extend", func() {
			if errs := r.Extend(t.Context(), held, time.Hour); errs != nil {
				t.Errorf("Extend returned %v", errs)
			}
		})
		if errs := <-stuck; errs != nil {
			t.Errorf("Enqueue returned %v", errs)
		}
		s.beforehand(nil)
		r.settle(task.StatusCompleted, held...)
	})
}

// A storage that panics, or ends its goroutine, fails the call and no other.
func TestStoragePanics(t *testing.T) {
	t.Parallel()
	for text, fail := range map[string]func(){
		"panic: no disk":   func() { panic("no disk") },
		"runtime.Goexit":   runtime.Goexit,
		"panic: %!v(PANIC": func() { panic(panicking{}) },
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newRecords(t)
			var log journal
			breaks := func(broken string) {
				s.beforehand(func(call string, _ uuid.UUID) error {
					if call == broken {
						fail()
					}
					return nil
				})
			}
			breaks("LoadAllTasks")
			r := newRig(t, &memory.Options{Storage: s, Logger: log.logger()})
			logged := 0
			fails := func(errs []error) {
				t.Helper()
				if logged++; len(errs) != 1 || !errors.Is(errs[0], task.ErrUnavailable) || log.count("did not return") != logged {
					t.Errorf("a call returned %v, with %d lines in the log, want ErrUnavailable and %d", errs, log.count("did not return"), logged)
				}
				if len(errs) == 1 && !strings.Contains(errs[0].Error(), text) {
					t.Errorf("the error is %v, want one that says %q", errs[0], text)
				}
				if log.count("records_test.go") < 1 {
					t.Error("no line has the stack")
				}
			}
			fails(r.Enqueue(t.Context(), labelled("a")))
			breaks("SaveTask")
			time.Sleep(time.Second)
			fails(r.Enqueue(t.Context(), labelled("a")))
			breaks("")
			r.enqueue(labelled("a")...)
			held := r.lease(1)
			breaks("DeleteTask")
			fails(r.Settle(t.Context(), outcomes(broker.Outcome{Status: task.StatusCompleted}, held...)))
			breaks("")
			r.settle(task.StatusCompleted, held...)
			r.leavesNothing()
		})
	}
}

// panicking is an error that cannot be printed.
type panicking struct{}

func (panicking) Error() string { panic("no text") }
