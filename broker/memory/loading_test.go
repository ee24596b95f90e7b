package memory_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// journal is a log that goroutines write and tests read.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) count(part string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), part)
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// A storage that fails at first is asked again, at a growing distance, until it
// works. Until then callers are told so at once.
func TestLoadingIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRecords(t)
		r := s.open(t)
		r.enqueue(labelled("a", "b")...)
		_ = r.Close()
		s.breakDown("LoadAllTasks")
		var log journal
		r = newRig(t, &memory.Options{Storage: s, Logger: log.logger()})
		for range 3 {
			start := time.Now()
			errs := r.Enqueue(t.Context(), labelled("c"))
			if len(errs) != 1 || time.Since(start) != 0 {
				t.Fatalf("Enqueue returned %v after %v, want an error at once", errs, time.Since(start))
			}
			r.isStorageError(errs[0], "load tasks from storage")
			time.Sleep(time.Minute)
		}
		if n := log.count("cannot load"); n < 30 || n > 50 || log.count(errStorage.Error()) != n {
			t.Errorf("logged %d times in 3 minutes that the tasks cannot be loaded, want some 40", n)
		}
		s.breakDown("")
		time.Sleep(5 * time.Second)
		r.enqueue(labelled("c")...)
		r.isLeased(r.lease(9), "a", "b", "c")
		if log.count("loaded the tasks of the storage") != 1 || log.count("tasks=2 ") != 1 {
			t.Error("no line says how many tasks were loaded")
		}
	})
}

// While tasks are loaded, callers wait no longer than their contexts allow, and a
// line says every now and then that it goes on.
func TestSlowLoading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRecords(t)
		r := s.open(t)
		r.enqueue(labelled("a")...)
		_ = r.Close()
		s.before = func(call string, _ uuid.UUID) error {
			if call == "LoadAllTasks" {
				time.Sleep(time.Minute)
			}
			return nil
		}
		var log journal
		b := memory.New(&memory.Options{Storage: s, Logger: log.logger()})
		defer b.Close()
		for name, call := range everyCall(b) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			start := time.Now()
			if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
				t.Errorf("%s returned %v after %v, want DeadlineExceeded after a second", name, err, time.Since(start))
			}
			cancel()
		}
		if log.count("still loading") == 0 {
			t.Error("no line says that loading goes on")
		}
		if counts, err := b.Counts(t.Context(), task.DefaultQueue); err != nil || counts[task.StatusPending] != 1 {
			t.Errorf("Counts returned %v, %v, want the loaded task", counts, err)
		}
		if log.count("tasks=1 took=1m0s") != 1 {
			t.Error("no line says how many tasks were loaded in how long")
		}
	})
}

// Close ends those who wait for the tasks to be loaded, and itself waits until the
// storage has returned: another broker may use it then.
func TestCloseWhileLoading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRecords(t)
		start := time.Now()
		s.before = func(string, uuid.UUID) error { time.Sleep(time.Minute); return errStorage }
		b := memory.New(&memory.Options{Storage: s})
		ended := make(chan error, 1)
		go func() {
			_, err := b.Queues(t.Context())
			ended <- err
		}()
		synctest.Wait()
		closed := make(chan struct{})
		go func() { _ = b.Close(); close(closed) }()
		if err := <-ended; !errors.Is(err, task.ErrClosed) || time.Since(start) != 0 {
			t.Errorf("Queues returned %v after %v, want ErrClosed at once", err, time.Since(start))
		}
		if <-closed; time.Since(start) != time.Minute {
			t.Errorf("Close returned after %v, want a minute", time.Since(start))
		}
	})
}

// everyCall returns calls of all methods that can wait for something.
func everyCall(b *memory.Broker) map[string]func(context.Context) error {
	queue, id, one := task.DefaultQueue, uuid.New(), labelled("a")
	first := func(errs []error) error { return errors.Join(errs...) }
	return map[string]func(context.Context) error{
		"Enqueue": func(ctx context.Context) error { return first(b.Enqueue(ctx, one)) },
		"Lease":   func(ctx context.Context) error { _, err := b.Lease(ctx, request(1)); return err },
		"Extend":  func(ctx context.Context) error { return first(b.Extend(ctx, make([]broker.Lease, 1), time.Hour)) },
		"Settle":  func(ctx context.Context) error { return first(b.Settle(ctx, make([]broker.Outcome, 1))) },
		"Revise":  func(ctx context.Context) error { return first(b.Revise(ctx, queue, []uuid.UUID{id}, broker.Change{})) },
		"Pause":   func(ctx context.Context) error { return b.Pause(ctx, queue) },
		"Resume":  func(ctx context.Context) error { return b.Resume(ctx, queue) },
		"Queues":  func(ctx context.Context) error { _, err := b.Queues(ctx); return err },
		"Counts":  func(ctx context.Context) error { _, err := b.Counts(ctx, queue); return err },
		"Queue":   func(ctx context.Context) error { _, err := b.Queue(ctx, queue); return err },
		"Task":    func(ctx context.Context) error { _, err := b.Task(ctx, queue, id); return err },
		"Tasks": func(ctx context.Context) error {
			_, _, err := b.Tasks(ctx, queue, task.StatusPending, "", 1)
			return err
		},
		"Survey":   func(ctx context.Context) error { _, errs := b.Survey(ctx, []string{queue}); return first(errs) },
		"Wait":     func(ctx context.Context) error { _, err := b.Wait(ctx, queue, id); return err },
		"News":     func(ctx context.Context) error { return b.News(ctx, []string{queue}, broker.Listener{}) },
		"Beat":     func(ctx context.Context) error { return b.Beat(ctx, broker.ServerInfo{Name: "s"}, time.Minute) },
		"Depart":   func(ctx context.Context) error { return b.Depart(ctx, "s") },
		"Servers":  func(ctx context.Context) error { _, _, err := b.Servers(ctx, "", 1); return err },
		"Standing": func(ctx context.Context) error { _, err := b.Standing(ctx, queue, id); return err },
		"Record":   func(ctx context.Context) error { return b.Record(ctx, queue, nil) },
		"Figures":  func(ctx context.Context) error { _, err := b.Figures(ctx, queue, time.Time{}, time.Time{}); return err },
		"FiguresByName": func(ctx context.Context) error {
			_, err := b.FiguresByName(ctx, queue, time.Time{}, time.Time{})
			return err
		},
		"Join":  func(ctx context.Context) error { _, err := b.Join(ctx, queue, "s"); return err },
		"Tick":  func(ctx context.Context) error { _, err := b.Tick(ctx, tick(one[0])); return err },
		"Leave": func(ctx context.Context) error { return b.Leave(ctx, queue, "s") },
		"Plan": func(ctx context.Context) error {
			return b.Plan(ctx, queue, "s", broker.Plan{Spec: "@daily", Task: one[0]})
		},
		"PauseSchedule":  func(ctx context.Context) error { return b.PauseSchedule(ctx, queue, "s") },
		"ResumeSchedule": func(ctx context.Context) error { return b.ResumeSchedule(ctx, queue, "s") },
		"Forget":         func(ctx context.Context) error { _, err := b.Forget(ctx, queue, "s", time.Time{}); return err },
		"Schedules":      func(ctx context.Context) error { _, _, err := b.Schedules(ctx, queue, "", 1); return err },
		"Schedule":       func(ctx context.Context) error { _, err := b.Schedule(ctx, queue, "s"); return err },
	}
}

func tick(t *task.Task) broker.Tick {
	return broker.Tick{Schedule: "s", At: time.UnixMilli(1), Task: t}
}

// contract is all that the broker implements.
type contract interface {
	broker.Broker
	broker.Inspector
	broker.Surveyor
	broker.Operator
	broker.Notifier
	broker.Monitor
	broker.Timetable
	broker.Planner
}

// A broker that nobody made says so, in every call.
func TestNotMade(t *testing.T) {
	t.Parallel()
	for _, b := range []*memory.Broker{nil, {}} {
		calls := everyCall(b)
		calls["Close"] = func(context.Context) error { return b.Close() }
		for method := range reflect.TypeFor[contract]().Methods() {
			if calls[method.Name] == nil {
				t.Errorf("%s is not tried", method.Name)
			}
		}
		for name, call := range calls {
			if err := call(t.Context()); !errors.Is(err, task.ErrInvalid) || !strings.Contains(err.Error(), "memory.Broker") {
				t.Errorf("%s of a broker that was not made by New returned %v", name, err)
			}
		}
	}
}
