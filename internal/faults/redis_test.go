package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/internal/history"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

// Redis dies under load and comes back with what its append-only file has.
func TestRedisKilled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fsync string
		args  []string
		loses time.Duration // how much of the last before a kill may be forgotten
	}{
		{"always", redistest.AppendOnly("always"), 0},
		{"everysec", redistest.AppendOnly("everysec"), 2 * time.Second},
		{"none", nil, time.Hour},
	} {
		t.Run(c.fsync, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, c.args...)
			s := newStage(t, server.URL())
			s.check.MaxDeliveries, s.emptied = -1, c.args == nil
			workers := []*worker{s.start(nil), s.start(nil)}
			stop := s.produce(2, func() work { return work{Millis: 5} })
			var kills []time.Time
			for range 3 {
				s.each(workers, "runs under way", 50)
				server.Kill()
				kills = append(kills, time.Now())
				server.Restart(t)
				s.goOn(workers, 2*time.Second)
			}
			taken := stop()
			s.drain(30 * time.Second)
			events := s.end()
			forgotten := judgeForgotten(t, s, events, kills, c.loses)
			t.Logf("%d tasks taken, %d forgotten or done again after 3 kills", taken, forgotten)
		})
	}
}

// each waits until each worker has begun so many more handlers.
func (s *stage) each(workers []*worker, what string, more int) {
	s.t.Helper()
	for _, w := range workers {
		before := s.runs(w)
		s.until(what+" by "+w.Name, 30*time.Second, func(context.Context) bool { return s.runs(w) >= before+more })
	}
}

// goOn wants the workers to run something that soon. The producers have to come
// back first, too.
func (s *stage) goOn(workers []*worker, within time.Duration) {
	s.t.Helper()
	begin := time.Now()
	for _, w := range workers {
		before := s.runs(w)
		if !await(s.t.Context(), 10*time.Second, func(context.Context) bool { return s.runs(w) > before }) {
			s.t.Fatalf("P10: %s does not go on", w.Name)
		}
	}
	if took := time.Since(begin); took > slack*within {
		s.t.Errorf("P10: the workers went on %s after Redis was back, want %s", took, slack*within)
	}
}

// judgeForgotten wants only what happened shortly before a kill to be forgotten,
// and returns how many tasks that concerned.
func judgeForgotten(t *testing.T, s *stage, events []history.Event, kills []time.Time, loses time.Duration) int {
	t.Helper()
	recent := make(map[string]bool)
	for _, e := range events {
		for _, kill := range kills {
			if loses > 0 && e.End.Before(kill.Add(time.Second)) && e.End.After(kill.Add(-loses)) {
				recent[e.ID] = true
			}
		}
	}
	concerned := make(map[string]bool)
	var broken []history.Violation
	for _, v := range history.Check(events, &s.check) {
		if recent[v.ID] {
			concerned[v.ID] = true
		} else {
			broken = append(broken, v)
		}
	}
	s.judge(broken)
	return len(concerned)
}

// Redis is away for a while. Work that is done meanwhile is settled afterwards.
func TestRedisAway(t *testing.T) {
	t.Parallel()
	away := 5 * time.Second
	if *long > 0 {
		away = 30 * time.Second
	}
	server := redistest.Start(t, redistest.AppendOnly("always")...)
	s := newStage(t, server.URL())
	w := s.start(func(to *settings) { to.Lease = 2*away + 10*time.Second })
	s.enqueue(10, work{Millis: 1000})
	s.until("ten runs", 10*time.Second, func(context.Context) bool { return s.runs(w) == 10 })

	server.Kill()
	spent := cpuTime(t, w)
	begin := time.Now()
	for time.Since(begin) < away {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		err := s.client.Enqueue(ctx, newTask(work{}))
		cancel()
		if !errors.Is(err, task.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("P10: Enqueue without Redis: %v, want ErrUnavailable", err)
		}
		if took := time.Since(begin); took > away+2*time.Second {
			t.Errorf("P10: Enqueue ended %s late", took-away)
		}
	}
	if spent = cpuTime(t, w) - spent; spent > away/5 {
		t.Errorf("P11: without Redis for %s a worker spent %s of CPU time", away, spent)
	}
	if !w.alive() {
		t.Fatal("P10: the worker has ended")
	}
	server.Restart(t)
	s.goOnAfter(w)
	s.drain(10 * time.Second)
	events := s.finish()
	if n := len(again(events)); n > 0 {
		t.Errorf("P7: %d tasks that had been done ran again", n)
	}
}

// goOnAfter wants a worker to run a new task within two seconds.
func (s *stage) goOnAfter(w *worker) {
	s.t.Helper()
	before := s.runs(w)
	s.until("Enqueue to work again", 5*time.Second, func(ctx context.Context) bool {
		return s.client.Enqueue(ctx, newTask(work{})) == nil
	})
	begin := time.Now()
	s.until("a run after the outage", 10*time.Second, func(context.Context) bool { return s.runs(w) > before })
	if took := time.Since(begin); took > slack*2*time.Second {
		s.t.Errorf("P10: the worker went on %s after Redis was back, want 2 s", took)
	}
}

// cpuTime is what the process has used, as /proc tells it in hundredths of a
// second.
func cpuTime(t *testing.T, w *worker) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.cmd.Process.Pid))
	if err != nil {
		t.Skipf("the CPU time of a process cannot be read here: %v", err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	var user, system int
	var ignored string
	if _, err := fmt.Sscanf(rest, "%s"+strings.Repeat(" %s", 10)+" %d %d", appendAll(&ignored, 11, &user, &system)...); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

func appendAll(ignored *string, n int, rest ...any) []any {
	var all []any
	for range n {
		all = append(all, ignored)
	}
	return append(all, rest...)
}
