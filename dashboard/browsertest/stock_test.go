package browsertest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/dashboard"
	"github.com/nex-gen-tech/jobsy/task"
)

// stock is a broker with some of everything, and the dashboard that shows it.
type stock struct {
	*memory.Broker
	client *jobsy.Client
	now    time.Time
	failed *task.Task // one with a history
	runs   *task.Task // one that runs
	waits  *task.Task // one of the paused queue
}

// What there is of each status in queue mail.
const (
	mailPending, mailScheduled, mailRetrying, mailRunning, mailCompleted, mailFailed = 12, 7, 3, 2, 40, 23
	reportsPending                                                                   = 5
)

// newStock fills a broker through its own interface, as servers would.
func newStock(t testing.TB) *stock {
	t.Helper()
	s := &stock{Broker: memory.New(nil), now: time.Now()}
	t.Cleanup(func() { s.Close() })
	s.client = jobsy.NewClient(s.Broker, nil)
	ctx := t.Context()
	s.end(t, mailCompleted, "email:welcome", func(i int, o *broker.Outcome) {
		o.Status, o.Keep = task.StatusCompleted, time.Hour
		o.Task.Result = []byte(`"sent"`)
		broker.AddRun(o.Task, s.run(1, 80*time.Millisecond, nil))
	})
	s.end(t, mailFailed, "email:receipt", func(i int, o *broker.Outcome) {
		o.Status, o.Keep = task.StatusFailed, time.Hour
		failures := []string{"dial smtp 10.0.0.%d:25: connection refused", "order %d: mailbox does not exist", "template %d: unexpected end of input"}
		s.fail(o.Task, fmt.Sprintf(failures[min(i/11, 2)], i))
	})
	s.end(t, mailRetrying, "email:receipt", func(i int, o *broker.Outcome) {
		o.Status, o.Delay = task.StatusRetrying, 10*time.Minute
		s.fail(o.Task, fmt.Sprintf("dial smtp 10.0.0.%d:25: connection refused", i))
	})
	s.runs = s.hold(t, mailRunning)[0]
	s.enqueue(t, mailPending, func(i int) *task.Task { return letter("email:welcome", i) })
	s.enqueue(t, mailScheduled, func(i int) *task.Task {
		t := letter("email:digest", i)
		t.RunAt = s.now.Add(time.Duration(i+1) * time.Hour)
		return t
	})
	s.waits = s.enqueue(t, reportsPending, func(i int) *task.Task {
		t := task.New("report:monthly", fmt.Appendf(nil, `{"month":%d}`, i+1))
		t.Queue = "reports"
		return t
	})[0]
	if err := s.Pause(ctx, "reports"); err != nil {
		t.Fatal(err)
	}
	s.serve(t)
	return s
}

func letter(name string, i int) *task.Task {
	t := task.New(name, fmt.Appendf(nil, `{"to":"user%d@example.com","order":%d,"tags":["a","b"]}`, i, 4000+i))
	t.Queue, t.MaxRetry, t.Retention = "mail", 2, time.Hour
	t.Headers = map[string]string{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
	return t
}

func (s *stock) enqueue(t testing.TB, n int, build func(int) *task.Task) []*task.Task {
	t.Helper()
	tasks := make([]*task.Task, n)
	for i := range tasks {
		tasks[i] = build(i)
	}
	if err := s.client.Enqueue(t.Context(), tasks...); err != nil {
		t.Fatal(err)
	}
	return tasks
}

// lease takes what waits in queue mail.
func (s *stock) lease(t testing.TB, n int) []broker.Lease {
	t.Helper()
	leases, err := s.Lease(t.Context(), broker.LeaseRequest{Worker: "worker-7f3a", Queues: []string{"mail"}, Max: n, Duration: time.Hour})
	if err != nil || len(leases) != n {
		t.Fatalf("leased %d of %d: %v", len(leases), n, err)
	}
	return leases
}

// end enqueues tasks, and ends them in a way.
func (s *stock) end(t testing.TB, n int, name string, how func(int, *broker.Outcome)) {
	t.Helper()
	s.enqueue(t, n, func(i int) *task.Task { return letter(name, i) })
	leases := s.lease(t, n)
	outcomes := make([]broker.Outcome, n)
	for i, l := range leases {
		outcomes[i] = broker.Outcome{Lease: l, Task: l.Task.Clone()}
		outcomes[i].Task.Attempt = 1
		how(i, &outcomes[i])
		if outcomes[i].Status == task.StatusFailed {
			s.failed = outcomes[i].Task
		}
	}
	if err := errors.Join(s.Settle(t.Context(), outcomes)...); err != nil {
		t.Fatal(err)
	}
}

func (s *stock) run(attempt int, took time.Duration, err error) task.Run {
	began := s.now.Add(time.Duration(attempt-4) * 20 * time.Second)
	r := task.Run{Attempt: attempt, StartedAt: began, EndedAt: began.Add(took), Worker: "worker-7f3a"}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}

// fail gives a task three attempts that failed, the last by a panic.
func (s *stock) fail(t *task.Task, message string) {
	t.Attempt, t.LastError = 3, message
	t.EnqueuedAt = s.now.Add(-70 * time.Second)
	for attempt := 1; attempt <= 3; attempt++ {
		r := s.run(attempt, time.Duration(attempt*4)*time.Second, errors.New(message))
		if attempt == 3 {
			r.Stack = "goroutine 41 [running]:\nmain.send(0xc000112000)\n\t/srv/mail/send.go:88 +0x1d4\nmain.handle(...)\n\t/srv/mail/main.go:41"
		}
		broker.AddRun(t, r)
	}
}

// hold leaves tasks running, the first with progress.
func (s *stock) hold(t testing.TB, n int) []*task.Task {
	t.Helper()
	s.enqueue(t, n, func(i int) *task.Task { return letter("email:newsletter", i) })
	leases := s.lease(t, n)
	leases[0].Progress = &task.Progress{Fraction: 0.63, Text: "630 of 1,000 letters", At: time.Now()}
	if err := errors.Join(s.Extend(t.Context(), leases, time.Hour)...); err != nil {
		t.Fatal(err)
	}
	return []*task.Task{leases[0].Task, leases[1].Task}
}

// serve reports a server, and makes a schedule.
func (s *stock) serve(t testing.TB) {
	t.Helper()
	ctx := t.Context()
	info := broker.ServerInfo{
		Name: "worker-7f3a", Host: "mail-01.example.net", PID: 4711, Version: "v1.4.0", StartedAt: s.now.Add(-26 * time.Hour),
		Concurrency: 8, Queues: map[string]int{"mail": 3, "reports": 1}, Handlers: []string{"email:receipt", "email:welcome"},
		Busy: 2, Running: []broker.RunningTask{{ID: s.runs.ID, Name: s.runs.Name, Queue: "mail", Since: s.now}},
	}
	if err := s.Beat(ctx, info, time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Join(ctx, "mail", "digest"); err != nil {
		t.Fatal(err)
	}
	plan := broker.Plan{Spec: "0 9 * * MON-FRI", Location: "Europe/Berlin", Task: letter("email:digest", 0)}
	if err := s.Plan(ctx, "mail", "digest", plan); err != nil {
		t.Fatal(err)
	}
}

// Figures makes up an hour, the same one each time.
func (s *stock) Figures(_ context.Context, queue string, _, _ time.Time) (broker.Figures, error) {
	f := broker.Figures{Now: s.now, Step: time.Minute}
	if queue != "mail" {
		return f, nil
	}
	for minute := range 60 {
		p := broker.Period{At: s.now.Truncate(time.Minute).Add(time.Duration(minute-59) * time.Minute)}
		p.Enqueued = int64(333 * (1 + math.Sin(float64(minute+5)/7)/3))
		for _, t := range ended(minute) {
			p.Add(t)
		}
		f.Add(&p)
	}
	return f, nil
}

// FiguresByName has the same hour.
func (s *stock) FiguresByName(_ context.Context, queue string, _, _ time.Time) (map[string]*broker.Tally, error) {
	if queue != "mail" {
		return nil, nil
	}
	all := map[string]*broker.Tally{"email:welcome": {}, "email:receipt": {}}
	for minute := range 60 {
		for name, t := range ended(minute) {
			all[name].Add(t)
		}
	}
	return all, nil
}

// ended makes up what ended in one minute of an hour.
func ended(minute int) map[string]*broker.Tally {
	wave := 1 + math.Sin(float64(minute)/7)/3
	names := map[string]*broker.Tally{
		"email:welcome": tally(int64(240*wave), int64(minute%4), 0, 40*time.Millisecond),
		"email:receipt": tally(int64(90*wave), int64(8+minute%9), int64(minute%13/10*3), 110*time.Millisecond),
	}
	if minute > 38 && minute < 46 { // something broke for a while
		names["email:receipt"].Retried += 70
		names["email:receipt"].Failed += 12
	}
	return names
}

func tally(completed, retried, failed int64, typical time.Duration) *broker.Tally {
	t := &broker.Tally{Completed: completed, Retried: retried, Failed: failed}
	n := completed + retried + failed
	for i := range n {
		spread := math.Exp2(3 * (float64(i)/float64(n) - 0.4))
		if i > n*97/100 {
			spread *= 3
		}
		t.Run.Observe(time.Duration(float64(typical) * spread))
		t.Wait.Observe(time.Duration(float64(typical) / 30 * spread))
	}
	return t
}

// serveDashboard mounts a dashboard under a prefix, and returns its address.
func serveDashboard(t testing.TB, b broker.Broker, opts *dashboard.Options) string {
	t.Helper()
	if opts.Role == nil {
		opts.Role = func(*http.Request, string) dashboard.Role { return dashboard.Operator }
	}
	if opts.Authenticate == nil {
		opts.Authenticate = func(*http.Request) (string, bool) { return "ada@example.com", true }
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	opts.Interval = 100 * time.Millisecond
	mux := http.NewServeMux()
	mux.Handle("/admin/jobs/", http.StripPrefix("/admin/jobs", dashboard.New(b, opts)))
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL + "/admin/jobs/"
}

func at(id uuid.UUID) string { return "task?queue=mail&id=" + id.String() }
