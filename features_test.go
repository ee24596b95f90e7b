package jobsy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

// fullBroker is a broker with all that features need.
type fullBroker interface {
	broker.Broker
	broker.Inspector
	broker.Operator
	broker.Notifier
}

// onEachBroker runs a test on every broker there is.
func onEachBroker(t *testing.T, test func(t *testing.T, b fullBroker)) {
	t.Helper()
	on := func(name string, open func(t *testing.T) (fullBroker, error)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = b.Close() })
			test(t, b)
		})
	}
	on("memory", func(*testing.T) (fullBroker, error) { return memory.New(nil), nil })
	on("miniredis", func(t *testing.T) (fullBroker, error) {
		return redis.Open("redis://"+miniredis.RunT(t).Addr(), nil)
	})
	on("redis", func(t *testing.T) (fullBroker, error) { return redis.Open(redistest.Start(t).URL(), nil) })
}

// features share a broker, and have a queue each.
var features = map[string]func(*feature){
	"wait for a result":            waitForAResult,
	"wait for a failure":           waitForAFailure,
	"cancel what waits":            cancelWaiting,
	"cancel what runs":             cancelRunning,
	"cancel without news":          cancelWithoutNews,
	"cancelled but done":           cancelledButDone,
	"cancelled while nobody works": cancelledAndAbandoned,
	"progress":                     reportProgress,
	"history":                      keepHistory,
	"expiry":                       expire,
	"retry":                        retryAnew,
	"retry policy":                 retryPolicy,
	"middleware":                   shippedMiddleware,
	"retention":                    retain,
	"gather":                       gather,
	"gather after a crash":         gatherAfterACrash,
	"unique until ended":           uniqueUntilEnded,
	"unique modes":                 uniqueModes,
}

func TestFeatures(t *testing.T) {
	t.Parallel()
	onEachBroker(t, func(t *testing.T, b fullBroker) {
		for name, test := range features {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(&feature{T: t, broker: b, queue: strings.ReplaceAll(name, " ", "-"), client: jobsy.NewClient(b, nil)})
			})
		}
	})
}

// feature is a test of one.
type feature struct {
	*testing.T
	broker fullBroker
	queue  string
	client *jobsy.Client
}

// serve runs a server on the feature's queue until the test ends.
func (f *feature) serve(prepare func(*jobsy.Server)) {
	f.serveOn(f.broker, jobsy.ServerOptions{}, prepare)
}

func (f *feature) serveOn(b broker.Broker, opts jobsy.ServerOptions, prepare func(*jobsy.Server)) {
	opts.Queues = map[string]int{f.queue: 1}
	server := jobsy.NewServer(b, &opts)
	prepare(server)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	f.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			f.Error(err)
		}
	})
}

// task returns one of the feature's queue that stays readable.
func (f *feature) task(payload string) *task.Task {
	t := task.New("work", []byte(payload))
	t.Queue, t.Retention, t.MaxRetry = f.queue, time.Hour, -1
	return t
}

func (f *feature) enqueue(tasks ...*task.Task) *task.Task {
	f.Helper()
	f.must(f.client.Enqueue(f.Context(), tasks...))
	return tasks[0]
}

func (f *feature) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// wait returns a task once it has ended, as it should.
func (f *feature) wait(t *task.Task, status task.Status) *task.Task {
	f.Helper()
	found, err := f.client.Wait(f.Context(), t)
	want := map[task.Status]error{task.StatusFailed: task.ErrFailed, task.StatusCancelled: task.ErrCancelled}[status]
	if !errors.Is(err, want) || found == nil || found.Status != status || found.ID != t.ID || found.EndedAt.IsZero() {
		f.Fatalf("waited for %+v, %v; want it %s", found, err, status)
	}
	return found
}

func (f *feature) get(t *task.Task, status task.Status) *task.Task {
	f.Helper()
	found, err := f.client.Get(f.Context(), t)
	if err != nil || found.Status != status {
		f.Fatalf("got %+v, %v; want it %s", found, err, status)
	}
	return found
}

func receive[T any](f *feature, from <-chan T) (value T) {
	f.Helper()
	select {
	case value = <-from:
	case <-time.After(20 * time.Second):
		f.Fatal("nothing came within 20 seconds")
	}
	return value
}

func waitForAResult(f *feature) {
	double := task.Kind[int]{Name: "double", Queue: f.queue, Retention: time.Hour}
	f.serve(func(s *jobsy.Server) {
		jobsy.HandleResult(s, double, func(_ context.Context, n int) (int, error) { return 2 * n, nil })
		s.HandleFunc("work", func(context.Context, *task.Task) error { return nil })
	})
	sent := f.enqueue(double.New(21))
	for range 2 { // the second comes when it has ended
		if got, err := jobsy.WaitResult[int](f.Context(), f.client, sent); got != 42 || err != nil {
			f.Errorf("result %d, %v", got, err)
		}
	}
	if found := f.wait(sent, task.StatusCompleted); string(found.Result) != "42" || found.Attempt != 1 || len(found.History) != 1 {
		f.Errorf("ended as %+v", found)
	}
	if _, err := jobsy.WaitResult[int](f.Context(), f.client, f.enqueue(f.task(""))); err == nil || !strings.Contains(err.Error(), "left no result") {
		f.Errorf("a task without a result: %v", err)
	}
	if _, err := f.client.Wait(f.Context(), f.task("")); !errors.Is(err, task.ErrNotFound) {
		f.Errorf("unknown task: %v", err)
	}
}

func waitForAFailure(f *feature) {
	f.serve(func(s *jobsy.Server) {
		s.HandleFunc("work", func(ctx context.Context, _ *task.Task) error {
			_ = jobsy.SetResult(ctx, []byte("nothing"))
			return errors.New("no disk")
		})
	})
	sent := f.enqueue(f.task(""))
	if found := f.wait(sent, task.StatusFailed); found.Result != nil {
		f.Errorf("a failed task has the result %s", found.Result)
	}
	_, err := jobsy.WaitResult[int](f.Context(), f.client, sent)
	if !errors.Is(err, task.ErrFailed) || !strings.Contains(err.Error(), "no disk") {
		f.Errorf("error %v", err)
	}
}

func cancelWaiting(f *feature) {
	sent, other := f.task(""), f.task("")
	f.enqueue(sent, other)
	f.must(f.client.Cancel(f.Context(), sent))
	f.must(f.client.Cancel(f.Context(), sent))
	if found := f.wait(sent, task.StatusCancelled); found.Attempt != 0 {
		f.Errorf("%d attempts of a task that never ran", found.Attempt)
	}
	err := f.client.Cancel(f.Context(), other, f.task("unknown"))
	var batch *jobsy.BatchError
	if !errors.As(err, &batch) || batch.Errs[0] != nil || !errors.Is(batch.Errs[1], task.ErrNotFound) {
		f.Errorf("cancelling one that is unknown: %v", err)
	}
	f.must(f.client.Delete(f.Context(), sent, other))
	if _, err := f.client.Get(f.Context(), sent); !errors.Is(err, task.ErrNotFound) {
		f.Errorf("deleted task: %v", err)
	}
}

// stubborn registers a handler that ends only with its context, and returns what
// tells that it has begun, and why it ended.
func stubborn(s *jobsy.Server, err error) (began chan *task.Task, causes chan error) {
	began, causes = make(chan *task.Task, 10), make(chan error, 10)
	s.HandleFunc("work", func(ctx context.Context, t *task.Task) error {
		began <- t
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return err
	})
	return began, causes
}

func cancelRunning(f *feature) {
	var began chan *task.Task
	var causes chan error
	f.serve(func(s *jobsy.Server) { began, causes = stubborn(s, jobsy.Snooze(time.Hour)) })
	sent := f.task("")
	sent.MaxRetry = 10
	f.enqueue(sent)
	receive(f, began)
	asked := time.Now()
	f.must(f.client.Cancel(f.Context(), sent))
	if cause := receive(f, causes); cause != task.ErrCancelled {
		f.Errorf("cause %v", cause)
	}
	if took := time.Since(asked); took > time.Second && !raceEnabled {
		f.Errorf("the handler was told after %s", took)
	}
	found := f.wait(sent, task.StatusCancelled)
	if found.Attempt != 1 || len(found.History) != 1 || !strings.Contains(found.LastError, task.ErrCancelled.Error()) {
		f.Errorf("ended as %+v", found)
	}
	if err := f.client.Retry(f.Context(), sent); err != nil {
		f.Error(err)
	}
	if again := receive(f, began); again.ID != sent.ID || again.Attempt != 1 {
		f.Errorf("it ran again as %+v", again)
	}
	f.must(f.client.Cancel(f.Context(), sent))
	f.wait(sent, task.StatusCancelled)
}

// deafBroker tells nobody of cancellations.
type deafBroker struct {
	broker.Broker
	broker.Operator
}

func cancelWithoutNews(f *feature) {
	var began chan *task.Task
	var causes chan error
	f.serveOn(deafBroker{f.broker, f.broker}, jobsy.ServerOptions{LeaseDuration: 300 * time.Millisecond}, func(s *jobsy.Server) {
		began, causes = stubborn(s, errors.New("no"))
	})
	sent := f.enqueue(f.task(""))
	receive(f, began)
	f.must(f.client.Cancel(f.Context(), sent))
	if cause := receive(f, causes); cause != task.ErrCancelled {
		f.Errorf("cause %v", cause)
	}
	f.wait(sent, task.StatusCancelled)
}

func cancelledButDone(f *feature) {
	var began chan *task.Task
	f.serve(func(s *jobsy.Server) { began, _ = stubborn(s, nil) })
	sent := f.enqueue(f.task(""))
	receive(f, began)
	f.must(f.client.Cancel(f.Context(), sent))
	f.wait(sent, task.StatusCompleted)
	if err := f.client.Cancel(f.Context(), sent); !errors.Is(err, task.ErrEnded) {
		f.Errorf("cancelling what has completed: %v", err)
	}
}

// lease takes one task as a worker that will die.
func (f *feature) lease() broker.Lease {
	f.Helper()
	leases, err := f.broker.Lease(f.Context(), broker.LeaseRequest{
		Worker: "mortal " + f.queue, Queues: []string{f.queue}, Max: 1, Duration: 50 * time.Millisecond,
	})
	if err != nil || len(leases) != 1 {
		f.Fatalf("leased %v, %v", leases, err)
	}
	return leases[0]
}

func cancelledAndAbandoned(f *feature) {
	sent := f.enqueue(f.task(""))
	f.lease()
	f.must(f.client.Cancel(f.Context(), sent))
	f.serve(func(s *jobsy.Server) {
		s.HandleFunc("work", func(context.Context, *task.Task) error { f.Error("a cancelled task ran"); return nil })
	})
	if found := f.wait(sent, task.StatusCancelled); found.Attempt != 0 || len(found.History) != 0 {
		f.Errorf("ended as %+v", found)
	}
}

// reported tells of each progress that has reached the broker.
type reported struct {
	fullBroker
	progress chan task.Progress
}

func (r reported) Extend(ctx context.Context, leases []broker.Lease, by time.Duration) []error {
	errs := r.fullBroker.Extend(ctx, leases, by)
	for i := range leases {
		if leases[i].Progress != nil {
			r.progress <- *leases[i].Progress
		}
	}
	return errs
}

func reportProgress(f *feature) {
	b := reported{f.broker, make(chan task.Progress, 100)}
	goOn, answers := make(chan bool), make(chan error, 10)
	f.serveOn(b, jobsy.ServerOptions{}, func(s *jobsy.Server) {
		s.HandleFunc("work", func(ctx context.Context, _ *task.Task) error {
			answers <- jobsy.Progress(ctx, 0.25, strings.Repeat("ä", 1000))
			answers <- jobsy.Progress(ctx, 1.5, "")
			<-goOn
			return jobsy.Progress(ctx, 1, "done")
		})
	})
	sent := f.enqueue(f.task(""))
	f.must(receive(f, answers))
	var field *task.FieldError
	if err := receive(f, answers); !errors.As(err, &field) || field.Field != "fraction" {
		f.Errorf("a fraction of 1.5: %v", err)
	}
	receive(f, b.progress)
	found := f.get(sent, task.StatusRunning).Progress
	if found.Fraction != 0.25 || found.Text != strings.Repeat("ä", 128) || found.At.IsZero() {
		f.Errorf("progress %+v", found)
	}
	close(goOn)
	if found := f.wait(sent, task.StatusCompleted).Progress; found.Fraction != 1 || found.Text != "done" {
		f.Errorf("at the end the progress is %+v", found)
	}
}

func keepHistory(f *feature) {
	f.serve(func(s *jobsy.Server) {
		s.HandleFunc("work", func(_ context.Context, t *task.Task) error {
			switch t.Attempt {
			case 1:
				return jobsy.RetryAfter(0, errors.New("first"))
			case 2:
				panic("second")
			}
			return nil
		})
	})
	sent := f.task("")
	sent.MaxRetry = 5
	f.enqueue(sent)
	found := f.wait(sent, task.StatusCompleted)
	var runs []string
	for _, run := range found.History {
		runs = append(runs, fmt.Sprintf("%d %s %t", run.Attempt, run.Error, run.Stack != ""))
		if run.Worker == "" || run.StartedAt.IsZero() || run.EndedAt.Before(run.StartedAt) {
			f.Errorf("run %+v", run)
		}
	}
	if want := []string{"1 first false", "2 panic: second true", "3  false"}; !slices.Equal(runs, want) || found.LastError != "panic: second" {
		f.Errorf("runs %q with last error %q, want %q", runs, found.LastError, want)
	}
}

func expire(f *feature) {
	f.serve(func(s *jobsy.Server) {
		s.HandleFunc("work", func(context.Context, *task.Task) error { f.Error("it ran"); return nil })
	})
	sent := f.task("")
	sent.Deadline = time.Now().Add(-time.Minute)
	f.enqueue(sent)
	found := f.wait(sent, task.StatusFailed)
	if found.Attempt != 0 || len(found.History) != 0 || found.LastError != task.ErrDeadline.Error() {
		f.Errorf("expired as %+v", found)
	}
}

// The server's backoff counts, an error that is no failure costs nothing, and who
// asked is told of the end.
func retryPolicy(f *feature) {
	busy, told := errors.New("busy"), make(chan string, 1)
	var delays atomic.Int32
	opts := jobsy.ServerOptions{
		Backoff:   func(int) time.Duration { delays.Add(1); return time.Millisecond },
		IsFailure: func(err error) bool { return !errors.Is(err, busy) },
		OnFailed:  func(_ context.Context, t *task.Task, err error) { told <- string(t.Payload) + ": " + err.Error() },
	}
	var runs atomic.Int32
	f.serveOn(f.broker, opts, func(s *jobsy.Server) {
		s.HandleFunc("work", func(context.Context, *task.Task) error {
			if runs.Add(1) <= 3 {
				return busy
			}
			return errors.New("boom")
		})
	})
	sent := f.task("p")
	sent.MaxRetry = 1
	f.enqueue(sent)
	if found := f.wait(sent, task.StatusFailed); found.Attempt != 2 || runs.Load() != 5 || delays.Load() != 4 {
		f.Errorf("failed after %d attempts, %d runs and %d delays, want 2, 5 and 4", found.Attempt, runs.Load(), delays.Load())
	}
	if got := <-told; got != "p: boom" {
		f.Errorf("told %q", got)
	}
}

func shippedMiddleware(f *feature) {
	saw := make(chan error, 1)
	var log bytes.Buffer
	f.serve(func(s *jobsy.Server) {
		s.Use(
			func(next jobsy.Handler) jobsy.Handler {
				return func(ctx context.Context, t *task.Task) error {
					err := next(ctx, t)
					saw <- err
					return err
				}
			},
			jobsy.Log(slog.New(slog.NewTextHandler(&log, nil))), jobsy.Recover(), jobsy.Timeout(10*time.Millisecond),
		)
		s.HandleFunc("work", func(ctx context.Context, _ *task.Task) error {
			<-ctx.Done()
			panic(context.Cause(ctx))
		})
	})
	sent := f.enqueue(f.task(""))
	found := f.wait(sent, task.StatusFailed)
	want := "panic: " + task.ErrTimeout.Error()
	if seen := <-saw; seen == nil || seen.Error() != want || found.LastError != want || !strings.Contains(log.String(), "task not done") {
		f.Errorf("the middleware saw %v, the task failed with %q, and logged is %q", seen, found.LastError, log.String())
	}
}

// By default a completed task is dropped at once, and a failed one is kept.
func retain(f *feature) {
	f.serveOn(f.broker, jobsy.ServerOptions{Concurrency: 1}, func(s *jobsy.Server) {
		s.HandleFunc("work", func(_ context.Context, t *task.Task) error {
			if string(t.Payload) == "good" {
				return nil
			}
			return errors.New("boom")
		})
	})
	good, kept, bad := f.task("good"), f.task("good"), f.task("bad")
	good.Retention, bad.Retention = 0, 0
	f.enqueue(good, kept, bad)
	f.wait(kept, task.StatusCompleted)
	f.wait(bad, task.StatusFailed)
	f.get(kept, task.StatusCompleted)
	f.get(bad, task.StatusFailed)
	if _, err := f.client.Wait(f.Context(), good); !errors.Is(err, task.ErrNotFound) {
		f.Errorf("the completed task without retention: %v, want ErrNotFound", err)
	}
}

func retryAnew(f *feature) {
	f.serve(func(s *jobsy.Server) {
		s.HandleFunc("work", func(_ context.Context, t *task.Task) error {
			if string(t.Payload) == "good" {
				return nil
			}
			return jobsy.RetryAfter(0, errors.New("bad payload"))
		})
	})
	sent := f.task("bad")
	sent.MaxRetry = 2
	f.enqueue(sent)
	if found := f.wait(sent, task.StatusFailed); found.Attempt != 3 || len(found.History) != 3 {
		f.Errorf("failed as %+v", found)
	}
	f.must(admin.New(f.broker, nil).SetPayload(f.Context(), sent, []byte("good")))
	f.must(f.client.Retry(f.Context(), sent))
	if found := f.wait(sent, task.StatusCompleted); found.Attempt != 1 || len(found.History) != 4 {
		f.Errorf("completed as %+v", found)
	}
}

// group enqueues three tasks that are gathered.
func (f *feature) group() (mails task.Kind[int], leader *task.Task) {
	f.Helper()
	mails = task.Kind[int]{Name: "mail", Queue: f.queue, MaxRetry: -1, Retention: time.Hour, Gather: task.Gather{Key: "ada", Size: 3}}
	tasks := []*task.Task{mails.New(1), mails.New(2), mails.New(3)}
	first := tasks[0].ID
	f.enqueue(tasks...)
	for _, t := range tasks {
		if t.ID != first {
			f.Errorf("a member has the ID %s, want that of the first, %s", t.ID, first)
		}
	}
	return mails, tasks[0]
}

// collect runs groups, and returns what they were.
func (f *feature) collect(mails task.Kind[int]) chan []int {
	groups := make(chan []int, 10)
	f.serve(func(s *jobsy.Server) {
		jobsy.HandleGroup(s, mails, func(_ context.Context, numbers []int) error { groups <- numbers; return nil })
	})
	return groups
}

func gather(f *feature) {
	mails, leader := f.group()
	groups := f.collect(mails)
	if got := receive(f, groups); !slices.Equal(got, []int{1, 2, 3}) {
		f.Errorf("group %v", got)
	}
	if found := f.wait(leader, task.StatusCompleted); len(found.Members) != 2 {
		f.Errorf("ended with %d members", len(found.Members))
	}
	mails.Gather = task.Gather{}
	f.enqueue(mails.New(4))
	if got := receive(f, groups); !slices.Equal(got, []int{4}) {
		f.Errorf("group of one %v", got)
	}
}

func gatherAfterACrash(f *feature) {
	mails, leader := f.group()
	if lease := f.lease(); len(lease.Task.Members) != 2 {
		f.Errorf("leased %d members", len(lease.Task.Members))
	}
	if got := receive(f, f.collect(mails)); !slices.Equal(got, []int{1, 2, 3}) {
		f.Errorf("group %v", got)
	}
	f.wait(leader, task.StatusCompleted)
}

func uniqueUntilEnded(f *feature) {
	goOn := make(chan bool)
	f.serve(func(s *jobsy.Server) {
		s.HandleFunc("work", func(context.Context, *task.Task) error { <-goOn; return nil })
	})
	var free sync.Once
	release := func() { free.Do(func() { close(goOn) }) }
	f.Cleanup(release)
	only := func() *task.Task {
		t := f.task("")
		t.Unique = task.Unique{Mode: task.UntilEnded, Key: "only"}
		return t
	}
	first := f.enqueue(only())
	var duplicate *task.DuplicateError
	if err := f.client.Enqueue(f.Context(), only()); !errors.As(err, &duplicate) || !duplicate.Unique || duplicate.ID != first.ID {
		f.Errorf("the second: %v", err)
	}
	release()
	f.wait(first, task.StatusCompleted)
	f.wait(f.enqueue(only()), task.StatusCompleted)
}

func uniqueModes(f *feature) {
	send := func(u task.Unique, payload string) (*task.Task, error) {
		t := f.task(payload)
		t.Unique = u
		return t, f.client.Enqueue(f.Context(), t)
	}
	for name, u := range map[string]task.Unique{
		"until started": {Mode: task.UntilStarted, Key: "a"},
		"throttle":      {Mode: task.Throttle, Key: "b", For: time.Hour},
	} {
		if _, err := send(u, ""); err != nil {
			f.Errorf("%s, the first: %v", name, err)
		}
		if _, err := send(u, ""); !errors.Is(err, task.ErrDuplicate) {
			f.Errorf("%s, the second: %v", name, err)
		}
	}
	for name, u := range map[string]task.Unique{
		"debounce": {Mode: task.Debounce, Key: "c", For: time.Hour},
		"latest":   {Mode: task.Latest, Key: "d"},
	} {
		first, err := send(u, "old")
		f.must(err)
		second, err := send(u, "new")
		if err != nil || second.ID != first.ID {
			f.Errorf("%s, the second: %v, ID %s, want %s", name, err, second.ID, first.ID)
		}
		if found, err := f.client.Get(f.Context(), first); err != nil || string(found.Payload) != "new" {
			f.Errorf("%s keeps %+v, %v", name, found, err)
		}
	}
}
