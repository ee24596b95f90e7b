package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/history"
	"github.com/nex-gen-tech/jobsy/task"
)

// lease is how long leases last where a test says nothing else.
const lease = 2 * time.Second

// stage is where a test takes place: a producer in this process, workers in
// others, and the history of all.
type stage struct {
	t        testing.TB
	url      string // that workers are told
	broker   *redis.Broker
	recorder *history.Recorder
	client   *jobsy.Client
	dir      string
	workers  []*worker
	check    history.Options
	emptied  bool // what names the queues may not be back yet
}

// newStage opens a broker at url for the producer and for what looks on.
func newStage(t testing.TB, url string) *stage {
	t.Helper()
	b, err := redis.Open(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	s := &stage{t: t, url: url, broker: b, dir: t.TempDir()}
	s.recorder, err = history.Open(s.path("producer"), "producer")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.recorder.Close() })
	s.client = jobsy.NewClient(history.Wrap(b, s.recorder), nil)
	return s
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, name+".jsonl") }

// settings are those of one more worker.
func (s *stage) settings() settings {
	name := fmt.Sprintf("worker-%d", len(s.workers)+1)
	return settings{Name: name, URL: s.url, History: s.path(name), Concurrency: 10, Lease: lease, Shutdown: 2 * time.Second}
}

// start starts one more worker. Nil changes nothing of its settings.
func (s *stage) start(change func(*settings)) *worker {
	s.t.Helper()
	to := s.settings()
	if change != nil {
		change(&to)
	}
	w := startWorker(s.t, to)
	s.workers = append(s.workers, w)
	return w
}

// enqueue enqueues n tasks and wants them taken.
func (s *stage) enqueue(n int, w work) {
	s.t.Helper()
	for n > 0 {
		batch := make([]*task.Task, min(n, 200))
		for i := range batch {
			batch[i] = newTask(w)
		}
		if err := s.client.Enqueue(s.t.Context(), batch...); err != nil {
			s.t.Fatal(err)
		}
		n -= len(batch)
	}
}

// produce enqueues tasks one a call from several goroutines, at most one each
// millisecond and goroutine, until the function it returns is called. What fails
// is enqueued again until it is taken, as a careful producer does.
func (s *stage) produce(goroutines int, make func() work) (stop func() (taken int)) {
	ctx, cancel := context.WithCancel(s.t.Context())
	var running sync.WaitGroup
	var mu sync.Mutex
	total := 0
	for range goroutines {
		running.Go(func() {
			n := s.produceOne(ctx, make)
			mu.Lock()
			defer mu.Unlock()
			total += n
		})
	}
	return sync.OnceValue(func() int {
		cancel()
		running.Wait()
		return total
	})
}

func (s *stage) produceOne(ctx context.Context, make func() work) (taken int) {
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	for ctx.Err() == nil {
		s.insist(newTask(make()), pace.C)
		taken++
	}
	return taken
}

// insist enqueues a task until there is an answer. That it was taken by a call
// whose answer was lost is no conflict.
func (s *stage) insist(t *task.Task, pace <-chan time.Time) {
	for {
		err := s.client.Enqueue(s.t.Context(), t)
		<-pace
		switch {
		case err == nil:
			return
		case !errors.Is(err, task.ErrUnavailable) || s.t.Context().Err() != nil:
			s.t.Errorf("enqueue: %v", err)
			return
		}
	}
}

// until waits until the condition holds, and looks 50 times a second. It ends the
// test if that takes too long.
func (s *stage) until(what string, within time.Duration, holds func(context.Context) bool) {
	s.t.Helper()
	if !await(s.t.Context(), within, holds) {
		s.t.Fatalf("%s: not within %s", what, within)
	}
}

func await(ctx context.Context, within time.Duration, holds func(context.Context) bool) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for !holds(ctx) {
		select {
		case <-look.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// counts returns how many tasks of the queue have each status, or nil.
func (s *stage) counts(ctx context.Context) map[task.Status]int {
	counts, err := s.broker.Counts(ctx, queue)
	if err != nil {
		return nil
	}
	return counts
}

// left is how many tasks have not ended; -1 if nobody can tell.
func (s *stage) left(ctx context.Context) int {
	counts := s.counts(ctx)
	if counts == nil {
		return -1
	}
	n := 0
	for status, count := range counts {
		if !status.Ended() {
			n += count
		}
	}
	return n
}

// drain waits until all that was enqueued has ended.
func (s *stage) drain(within time.Duration) {
	s.t.Helper()
	if !await(s.t.Context(), within, func(ctx context.Context) bool { return s.left(ctx) == 0 }) {
		s.t.Fatalf("P1: after %s there still are %v", within, s.counts(s.t.Context()))
	}
}

// ended waits until so many have ended.
func (s *stage) ended(n int, within time.Duration) {
	s.t.Helper()
	s.until(fmt.Sprintf("%d tasks to end", n), within, func(ctx context.Context) bool {
		done := 0
		for status, count := range s.counts(ctx) {
			if status.Ended() {
				done += count
			}
		}
		return done >= n
	})
}

// finish ends the stage and checks the whole history, which it returns.
func (s *stage) finish() []history.Event {
	s.t.Helper()
	events := s.end()
	s.judge(history.Check(events, &s.check))
	return events
}

// end stops the workers that still run and examines the keyspace. It returns the
// history, for the test to check.
func (s *stage) end() []history.Event {
	s.t.Helper()
	for _, w := range s.workers {
		if !w.alive() {
			continue
		}
		if err := w.stop(s.t, 20*time.Second); err != nil {
			s.t.Errorf("%s, asked to stop: %v", w.Name, err)
		}
	}
	s.recordEnded()
	s.examine()
	return s.events()
}

// recordEnded records what the keyspace shows ended.
func (s *stage) recordEnded() {
	s.t.Helper()
	for _, status := range []task.Status{task.StatusCompleted, task.StatusFailed, task.StatusCancelled} {
		for cursor, first := "", true; first || cursor != ""; first = false {
			tasks, next, err := s.broker.Tasks(s.t.Context(), queue, status, cursor, 500)
			if err != nil {
				s.t.Fatal(err)
			}
			if len(tasks) > 0 {
				s.recorder.Ended(tasks...)
			}
			cursor = next
		}
	}
}

func (s *stage) events() []history.Event {
	s.t.Helper()
	files, err := filepath.Glob(s.path("*"))
	if err != nil {
		s.t.Fatal(err)
	}
	events, err := history.Read(files...)
	if err != nil {
		s.t.Fatal(err)
	}
	return events
}

// judge reports the first violations.
func (s *stage) judge(violations []history.Violation) {
	s.t.Helper()
	for i, v := range violations {
		if i == 10 {
			s.t.Errorf("and %d more violations", len(violations)-i)
			break
		}
		s.t.Error(v)
	}
	if len(violations) > 0 {
		s.keep()
	}
}

// keep saves the history of a failed test.
func (s *stage) keep() {
	kept, err := os.MkdirTemp("", "jobsy-history-")
	if err == nil {
		err = os.CopyFS(kept, os.DirFS(s.dir))
	}
	s.t.Logf("history kept in %s, %v", kept, err)
}

func (s *stage) examine() {
	s.t.Helper()
	findings, err := s.broker.Examine(s.t.Context())
	if err != nil {
		s.t.Error(err)
	}
	if s.emptied {
		findings = slices.DeleteFunc(findings, func(f redis.Finding) bool { return f.Kind == redis.KindUnnamed })
	}
	for _, f := range findings[:min(len(findings), 10)] {
		s.t.Errorf("the keyspace: %v", f)
	}
}

// lives returns the events of one type by task, in their order.
func lives(events []history.Event, of history.Type) map[string][]history.Event {
	found := make(map[string][]history.Event)
	for _, e := range events {
		if e.Type == of {
			found[e.ID] = append(found[e.ID], e)
		}
	}
	return found
}

// again returns the tasks that were run more than once, with the processes that
// ran them.
func again(events []history.Event) map[string][]string {
	found := make(map[string][]string)
	for id, runs := range lives(events, history.TypeStart) {
		if len(runs) < 2 {
			continue
		}
		for _, run := range runs {
			found[id] = append(found[id], run.Process)
		}
	}
	return found
}

// onlyOf wants each task that was run again to have been run first by one of the
// processes.
func onlyOf(t testing.TB, events []history.Event, processes ...string) int {
	t.Helper()
	repeated := again(events)
	for id, by := range repeated {
		for _, process := range by[:len(by)-1] {
			if !slices.Contains(processes, process) {
				t.Errorf("P7: task %s was run by %v, want again only what %v had held", id, by, processes)
			}
		}
	}
	return len(repeated)
}

// runs is how many handlers a worker has begun. It reads what is new.
func (s *stage) runs(w *worker) int {
	file, err := os.Open(w.History)
	if err != nil {
		return w.begun // it has not written anything
	}
	defer file.Close()
	news, err := io.ReadAll(io.NewSectionReader(file, w.read, 1<<40))
	if err != nil {
		s.t.Fatal(err)
	}
	whole := bytes.LastIndexByte(news, '\n') + 1
	w.read += int64(whole)
	w.begun += bytes.Count(news[:whole], []byte(`"type":"start"`))
	return w.begun
}
