package scheduler_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/scheduler"
	"github.com/nex-gen-tech/jobsy/task"
)

// every returns a schedule of an interval, in the queue of its ID's first letter.
func every(id, interval string) scheduler.Schedule {
	t := task.New("work", nil)
	t.Queue = id[:1]
	return scheduler.Schedule{ID: id, Spec: "@every " + interval, Task: t}
}

// process is a scheduler that runs, in a process of its own as it were.
type process struct {
	*scheduler.Scheduler
	stop func()
}

// begin runs a scheduler until its stop is called, or the test ends.
func begin(t *testing.T, b broker.Broker, opts *scheduler.Options) process {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	p, ended := process{Scheduler: scheduler.New(b, opts)}, make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	p.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		ended <- nil
	}
	t.Cleanup(p.stop)
	return p
}

func (p process) sync(t *testing.T, set string, schedules ...scheduler.Schedule) {
	t.Helper()
	if err := p.Sync(set, schedules); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// listed returns the names of the schedules that the broker lists, sorted.
func listed(t *testing.T, b *memory.Broker) string {
	t.Helper()
	var names []string
	for _, info := range infos(t, b) {
		names = append(names, info.Name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func infos(t *testing.T, b *memory.Broker) (found []broker.ScheduleInfo) {
	t.Helper()
	queues, err := b.Queues(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, queue := range queues {
		page, next, err := b.Schedules(t.Context(), queue, "", 100)
		if err != nil || next != "" {
			t.Fatal(err, next)
		}
		found = append(found, page...)
	}
	return found
}

func wantListed(t *testing.T, b *memory.Broker, want string) {
	t.Helper()
	if got := listed(t, b); got != want {
		t.Errorf("after %s the broker lists %q, want %q", time.Since(epoch), got, want)
	}
}

// epoch is when synctest begins.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// ticksOf returns when the ticks of a schedule were, in minutes after epoch.
func ticksOf(t *testing.T, b *memory.Broker, id string) (minutes []float64) {
	t.Helper()
	for _, status := range []task.Status{task.StatusPending, task.StatusCompleted, task.StatusRunning} {
		page, _, err := b.Tasks(t.Context(), id[:1], status, "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range page {
			if one.Headers[scheduler.HeaderSchedule] == id {
				minutes = append(minutes, one.RunAt.Sub(epoch).Minutes())
			}
		}
	}
	slices.Sort(minutes)
	return minutes
}

func wantTicks(t *testing.T, b *memory.Broker, id string, want ...float64) {
	t.Helper()
	if got := ticksOf(t, b, id); !slices.Equal(got, want) {
		t.Errorf("%s ticked at %v, want %v", id, got, want)
	}
}

func TestSyncMakesASetWhatItIsGiven(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		p := begin(t, b, nil)
		mustAdd(t, p.Add(every("zero", "10m")))
		p.sync(t, "other", every("elsewhere", "10m"))
		p.sync(t, "set", every("a", "10m"), every("b", "10m"), every("c", "10m"))
		time.Sleep(15 * time.Minute)
		changed := every("b", "10m")
		changed.Task.Payload = []byte("changed")
		p.sync(t, "set", every("a", "10m"), changed, every("d", "10m"))
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		for _, undisturbed := range []string{"a", "b", "zero", "elsewhere"} {
			wantTicks(t, b, undisturbed, 10, 20, 30)
		}
		wantTicks(t, b, "c", 10)
		wantTicks(t, b, "d", 25)
		tasks, _, err := b.Tasks(t.Context(), "b", task.StatusPending, "", 10)
		if err != nil || len(tasks) != 3 || string(tasks[0].Payload) != "" || string(tasks[1].Payload) != "changed" {
			t.Errorf("the tasks of b are %v, %v, want the second changed", tasks, err)
		}
		// The tick of c at 20 min was not taken, and a minute has passed since.
		wantListed(t, b, "a b d elsewhere zero")
		p.sync(t, "set")
		p.stop()
		if left := p.Schedules(); len(left) != 2 || left[0].ID != "elsewhere" || left[1].ID != "zero" {
			t.Errorf("%v are left, want what is not of the set", left)
		}
	})
}

// What the set had in a former version of the program goes, too, and nothing else.
func TestSyncForgetsWhatAFormerVersionHad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		former := begin(t, b, nil)
		former.sync(t, "set", every("daily", "24h"), every("old", "1h"), every("stays", "1h"))
		former.sync(t, "other", every("foreign", "1h"))
		mustAdd(t, former.Add(every("added", "1h")))
		synctest.Wait()
		former.stop()
		time.Sleep(30 * time.Minute)
		now := begin(t, b, nil)
		now.sync(t, "set", every("new", "1h"), every("stays", "1h"))
		time.Sleep(30*time.Minute + time.Minute - time.Millisecond)
		wantListed(t, b, "added daily foreign new old stays")
		time.Sleep(time.Millisecond)
		synctest.Wait()
		wantListed(t, b, "added daily foreign new stays")
		time.Sleep(23*time.Hour + time.Minute)
		synctest.Wait()
		wantListed(t, b, "added foreign new stays")
		for _, info := range infos(t, b) {
			if info.Name == "stays" && !info.Anchor.Equal(epoch) {
				t.Errorf("stays is anchored at %s, want the time at which it was joined first", info.Anchor)
			}
		}
	})
}

// During a deployment two versions run, each with its schedules, and neither takes
// from the other what it runs. When the old one ends, what only that had goes.
func TestTwoVersionsDoNotFight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		old, now := begin(t, b, nil), begin(t, b, nil)
		old.sync(t, "set", every("a", "10m"), every("b", "10m"))
		now.sync(t, "set", every("a", "10m"), every("c", "10m"))
		var want []float64
		for minute := 10.0; minute <= 600; minute += 10 {
			want = append(want, minute)
		}
		for hour := range 10 {
			time.Sleep(time.Hour)
			synctest.Wait()
			wantListed(t, b, "a b c")
			if hour == 4 {
				old.sync(t, "set", every("a", "10m"), every("b", "10m"))
			}
		}
		for _, id := range []string{"a", "b", "c"} {
			wantTicks(t, b, id, want...)
		}
		old.stop()
		time.Sleep(11 * time.Minute)
		synctest.Wait()
		wantListed(t, b, "a c")
		time.Sleep(10 * time.Hour)
		synctest.Wait()
		wantListed(t, b, "a c")
	})
}

// A schedule that an old version brings back after it was forgotten goes again.
func TestWhatComesBackGoesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		now := begin(t, b, nil)
		now.sync(t, "set", every("a", "10m"))
		time.Sleep(time.Minute)
		old := begin(t, b, nil)
		old.sync(t, "set", every("a", "10m"), every("b", "10m"))
		time.Sleep(5 * time.Minute)
		old.stop()
		wantListed(t, b, "a b")
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		wantListed(t, b, "a")
	})
}

func TestSyncRefusesWhole(t *testing.T) {
	t.Parallel()
	s := scheduler.New(memory.New(nil), nil)
	mustAdd(t, s.Add(every("added", "1h")))
	mustAdd(t, s.Sync("other", []scheduler.Schedule{every("foreign", "1h")}))
	mustAdd(t, s.Sync("set", []scheduler.Schedule{every("a", "1h")}))
	good := every("b", "1h")
	for want, err := range map[string]error{
		"set must not be empty":                s.Sync("", nil),
		"schedule 2 of 2: spec must be":        s.Sync("set", []scheduler.Schedule{good, {ID: "x", Spec: "soon", Task: good.Task}}),
		"schedule 2 of 2: id must be unique":   s.Sync("set", []scheduler.Schedule{good, good}),
		"schedule 1 of 1: task must not be":    s.Sync("set", []scheduler.Schedule{{ID: "x", Spec: "@daily"}}),
		`in the scheduler, got "added"`:        s.Sync("set", []scheduler.Schedule{good, every("added", "1h")}),
		`in the scheduler, got "foreign"`:      s.Sync("set", []scheduler.Schedule{good, every("foreign", "1h")}),
		`id must be unique in the scheduler, `: s.Add(every("a", "1h")),
	} {
		if !errors.Is(err, task.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("P10: got %v, want %s", err, want)
		}
	}
	if left := s.Schedules(); len(left) != 3 || left[0].ID != "a" {
		t.Errorf("P10: there are %v, want what was before", left)
	}
}

// failing is a broker whose queues cannot be listed while it is down.
type failing struct {
	*memory.Broker
	down atomic.Bool
}

func (b *failing) Queues(ctx context.Context) ([]string, error) {
	if b.down.Load() {
		return nil, task.ErrUnavailable
	}
	return b.Broker.Queues(ctx)
}

func TestALookThatFailsIsTakenAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &failing{Broker: memory.New(nil)}
		b.down.Store(true)
		former := begin(t, b, nil)
		former.sync(t, "set", every("a", "1m"))
		former.stop()
		var book bytes.Buffer
		now := begin(t, b, &scheduler.Options{Logger: slog.New(slog.NewTextHandler(&book, nil))})
		now.sync(t, "set")
		time.Sleep(10*time.Minute - time.Second)
		b.down.Store(false)
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		wantListed(t, b.Broker, "")
		if !strings.Contains(book.String(), "cannot look") || !strings.Contains(book.String(), "schedule forgotten") {
			t.Errorf("log:\n%s", book.String())
		}
	})
}

// A spec that has changed does not tick for the time before the change, in this
// process or the next; what is missed after it counts.
func TestMissedTicksCountFromTheChange(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*testing.T, broker.Broker, process, scheduler.Schedule) process{
		"in place": func(t *testing.T, _ broker.Broker, p process, s scheduler.Schedule) process {
			mustAdd(t, errors.Join(p.Remove(s.ID), p.Add(s)))
			return p
		},
		"by Sync": func(t *testing.T, _ broker.Broker, p process, s scheduler.Schedule) process {
			mustAdd(t, p.Remove(s.ID))
			p.sync(t, "set", s)
			return p
		},
		"by a deployment": func(t *testing.T, b broker.Broker, p process, s scheduler.Schedule) process {
			p.stop()
			p = begin(t, b, nil)
			mustAdd(t, p.Add(s))
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := memory.New(nil)
				p := begin(t, b, nil)
				mustAdd(t, p.Add(every("s", "60m")))
				time.Sleep(95 * time.Minute)
				p = change(t, b, p, every("s", "10m"))
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				wantTicks(t, b, "s", 60, 100)
				p.stop()
				time.Sleep(10 * time.Minute) // 115
				p = begin(t, b, nil)
				mustAdd(t, p.Add(every("s", "10m")))
				time.Sleep(time.Minute)
				synctest.Wait()
				wantTicks(t, b, "s", 60, 100, 110)
			})
		})
	}
}

// A first tick that was missed counts, though the schedule has just got its spec.
func TestAFirstTickIsMissed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		p := begin(t, b, nil)
		mustAdd(t, p.Add(every("s", "10m")))
		time.Sleep(time.Minute)
		p.stop()
		time.Sleep(time.Hour)
		p = begin(t, b, nil)
		mustAdd(t, p.Add(every("s", "10m")))
		time.Sleep(time.Minute)
		synctest.Wait()
		wantTicks(t, b, "s", 60)
	})
}

// retried runs a schedule every ten minutes whose task fails at first and waits for
// an hour, and returns what the log says.
func retried(t *testing.T, b *memory.Broker, policy scheduler.OverlapPolicy) string {
	t.Helper()
	var book bytes.Buffer
	p := begin(t, b, &scheduler.Options{Logger: slog.New(slog.NewTextHandler(&book, nil)), Overlap: policy})
	mustAdd(t, p.Add(every("s", "10m")))
	lease := func() broker.Lease {
		leases, err := b.Lease(t.Context(), broker.LeaseRequest{Worker: "w", Queues: []string{"s"}, Max: 1, Duration: 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		return leases[0]
	}
	settle := func(o broker.Outcome) {
		if errs := b.Settle(t.Context(), []broker.Outcome{o}); errs != nil {
			t.Fatal(errs)
		}
	}
	failed := lease()
	time.Sleep(15 * time.Minute) // the tick of 20 min comes while it runs
	settle(broker.Outcome{Lease: failed, Status: task.StatusRetrying, Delay: time.Hour})
	time.Sleep(10 * time.Minute) // that of 30 min while it waits
	if infos := infos(t, b); len(infos) != 1 || policy == scheduler.OverlapSkip && infos[0].LastTask != failed.ID {
		t.Errorf("the broker lists %+v, want the task %s", infos, failed.ID)
	}
	p.stop()
	return book.String()
}

func TestOverlapWithRetries(t *testing.T) {
	t.Parallel()
	for policy, want := range map[scheduler.OverlapPolicy][]float64{
		scheduler.OverlapSkip:  nil,
		scheduler.OverlapBusy:  {30},
		scheduler.OverlapAllow: {20, 30},
	} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := memory.New(nil)
				log := retried(t, b, policy)
				wantTicks(t, b, "s", want...)
				said := strings.Count(log, `msg="ticks pass until a task has ended" schedule=s from=2000-01-01T00:20:00.000Z task=`)
				if wanted := policy != scheduler.OverlapAllow; (said == 1) != wanted {
					t.Errorf("the log says %d times what ticks wait for:\n%s", said, log)
				}
			})
		})
	}
}

// Ticks of a unique task pass while somebody else has its lock.
func TestUniqueTicks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		schedule := every("s", "10m")
		schedule.Task.Unique = task.Unique{Mode: task.UntilEnded, Key: "import"}
		other := task.New("by hand", nil)
		other.Queue, other.Unique = "s", schedule.Task.Unique
		if errs := b.Enqueue(t.Context(), []*task.Task{other}); errs != nil {
			t.Fatal(errs)
		}
		p := begin(t, b, nil)
		mustAdd(t, p.Add(schedule))
		time.Sleep(15 * time.Minute)
		leases, err := b.Lease(t.Context(), broker.LeaseRequest{Worker: "w", Queues: []string{"s"}, Max: 9, Duration: time.Hour})
		if err != nil || len(leases) != 1 || leases[0].ID != other.ID {
			t.Fatalf("leased %v, %v, want the task that holds the lock", leases, err)
		}
		b.Settle(t.Context(), []broker.Outcome{{Lease: leases[0], Status: task.StatusCompleted}})
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		wantTicks(t, b, "s", 20) // its own task keeps out the one of 30 min
	})
}

func TestTicksCannotTakeTheirPlace(t *testing.T) {
	t.Parallel()
	s := scheduler.New(memory.New(nil), nil)
	for _, mode := range []task.UniqueMode{task.Debounce, task.Latest} {
		schedule := every("s", "10m")
		schedule.Task.Unique = task.Unique{Mode: mode, Key: "k", For: time.Minute}
		if mode == task.Latest {
			schedule.Task.Unique.For = 0
		}
		if err := s.Add(schedule); !errors.Is(err, task.ErrInvalid) || !strings.HasPrefix(err.Error(), "Unique.Mode must be UntilStarted") {
			t.Errorf("%v: got %v, want it refused", mode, err)
		}
	}
}
