package jobsy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// eventually waits until something is so.
func (f *feature) eventually(what string, so func() bool) {
	f.Helper()
	for range 400 {
		if so() {
			return
		}
		<-time.After(25 * time.Millisecond)
	}
	f.Fatal("it is not so after 10 seconds: " + what)
}

// server returns the one that works on the feature's queue, if it is listed.
func (f *feature) server() *broker.ServerInfo {
	f.Helper()
	servers, err := f.client.Servers(f.Context())
	f.must(err)
	for i := range servers {
		if servers[i].Queues[f.queue] > 0 {
			return &servers[i]
		}
	}
	return nil
}

func listServers(f *feature) {
	server := jobsy.NewServer(f.broker, &jobsy.ServerOptions{Queues: map[string]int{f.queue: 3}, Concurrency: 4})
	server.HandleFunc("work", func(context.Context, *task.Task) error { return nil })
	ctx, cancel := context.WithCancel(f.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	f.eventually("the server is listed", func() bool { return f.server() != nil })
	got := f.server()
	if got.PID == 0 || got.Host == "" || got.StartedAt.IsZero() || got.Concurrency != 4 || got.Queues[f.queue] != 3 ||
		!got.Handles("work") || got.Handles("other") || got.Stopping || got.Expires.Before(got.SeenAt) {
		f.Errorf("listed as %+v", got)
	}
	cancel()
	if err := <-ended; err != nil {
		f.Error(err)
	}
	if got := f.server(); got != nil {
		f.Errorf("after its end it is listed as %+v", got)
	}
}

func figuresOverTime(f *feature) {
	server := jobsy.NewServer(f.broker, &jobsy.ServerOptions{Queues: map[string]int{f.queue: 1}})
	server.HandleFunc("work", func(_ context.Context, t *task.Task) error {
		switch string(t.Payload) {
		case "fail":
			return errors.New("no")
		case "snooze":
			return jobsy.Snooze(24 * time.Hour)
		}
		return nil
	})
	ctx, cancel := context.WithCancel(f.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	begun := time.Now()
	retried := f.task("fail")
	retried.MaxRetry = 1
	done, failed := f.task("done"), f.task("fail")
	f.enqueue(done, failed, retried, f.task("snooze"))
	f.wait(done, task.StatusCompleted)
	f.wait(failed, task.StatusFailed)
	f.wait(retried, task.StatusFailed)
	cancel()
	if err := <-ended; err != nil {
		f.Error(err)
	}
	got, err := f.client.Figures(f.Context(), f.queue, begun.Add(-time.Minute), time.Now().Add(time.Minute))
	f.must(err)
	names, err := f.client.FiguresByName(f.Context(), f.queue, begun.Add(-time.Minute), time.Now().Add(time.Minute))
	f.must(err)
	work := names["work"]
	if work == nil || work.Completed != 1 || work.Failed != 2 || work.Retried != 1 || work.Run.Count() != 4 || work.Wait.Count() != 4 {
		f.Fatalf("figures %+v", work)
	}
	// The retry waited for about a second, but from when it was due hardly.
	if p := got.Total.Wait.Quantile(1); p > 900*time.Millisecond && !raceEnabled {
		f.Errorf("the longest wait was %s", p)
	}
}

// A server says what it runs, with the next beat.
func TestServersTellWhatRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := jobsy.NewServer(nil, nil)
		server.HandleFunc("work", func(ctx context.Context, _ *task.Task) error {
			<-ctx.Done()
			return ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		client, sent := server.Client(), task.New("work", nil)
		if err := client.Enqueue(ctx, sent); err != nil {
			t.Fatal(err)
		}
		<-time.After(6 * time.Second)
		servers, err := client.Servers(ctx)
		if err != nil || len(servers) != 1 || servers[0].Busy != 1 || len(servers[0].Running) != 1 {
			t.Fatalf("servers %+v, %v", servers, err)
		}
		if r := servers[0].Running[0]; r.ID != sent.ID || r.Name != "work" || r.Queue != "default" || time.Since(r.Since) != 6*time.Second {
			t.Errorf("it runs %+v", r)
		}
		cancel()
		synctest.Wait()
		servers, err = client.Servers(t.Context())
		if err == nil && len(servers) == 1 && !servers[0].Stopping {
			t.Errorf("a server that stops is listed as %+v", servers[0])
		}
		if err := server.Healthy(); err == nil || !strings.Contains(err.Error(), "stopping") && !strings.Contains(err.Error(), "ended") {
			t.Errorf("while it stops, Healthy returns %v", err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// failing is a broker whose calls fail while it is told so.
type failing struct {
	broker.Broker
	broker.Monitor
	lease, beat error
}

func (b *failing) Lease(ctx context.Context, req broker.LeaseRequest) ([]broker.Lease, error) {
	if b.lease != nil {
		return nil, b.lease
	}
	return b.Broker.Lease(ctx, req)
}

func (b *failing) Beat(ctx context.Context, server broker.ServerInfo, lasts time.Duration) error {
	if b.beat != nil {
		return b.beat
	}
	return b.Monitor.Beat(ctx, server, lasts)
}

func TestHealthy(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lease, beat error
		want        string
	}{
		"well":             {nil, nil, ""},
		"it cannot lease":  {task.ErrUnavailable, nil, "not been able to lease tasks for 1m0s"},
		"it cannot report": {nil, task.ErrUnavailable, "last report is 1m0s old"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				inner := memory.New(nil)
				server := jobsy.NewServer(&failing{inner, inner, test.lease, test.beat}, nil)
				unhealthy(t, server, "not been started")
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- server.Run(ctx) }()
				<-time.After(time.Minute)
				unhealthy(t, server, test.want)
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
				unhealthy(t, server, "has ended")
			})
		})
	}
}

func unhealthy(t *testing.T, server *jobsy.Server, want string) {
	t.Helper()
	err := server.Healthy()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("Healthy returned %v, want %q", err, want)
	}
}

// Figures that the broker did not take are told again, and too many names are
// counted together.
func TestFiguresAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New(nil)
		b := &forgetful{Broker: inner, Monitor: inner, failures: 2}
		server := jobsy.NewServer(b, nil)
		const names = broker.MaxNames + 50
		for i := range names {
			server.HandleFunc(fmt.Sprint(i), func(context.Context, *task.Task) error { return nil })
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		for i := range names {
			if err := server.Client().Enqueue(ctx, task.New(fmt.Sprint(i), nil)); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(30 * time.Second)
		now := time.Now()
		got, err := server.Client().Figures(ctx, "", now.Add(-time.Hour), now.Add(time.Minute))
		if err != nil || got.Total.Completed != names || b.failures != 0 {
			t.Errorf("figures of %d in all, %v", got.Total.Completed, err)
		}
		byName, err := server.Client().FiguresByName(ctx, "", now.Add(-time.Hour), now.Add(time.Minute))
		if err != nil || len(byName) != broker.MaxNames || byName[""].Completed != 51 {
			t.Errorf("figures of %d names: %+v, %v", len(byName), byName[""], err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// forgetful is a broker that does not take the first figures.
type forgetful struct {
	broker.Broker
	broker.Monitor
	failures int
}

func (b *forgetful) Record(ctx context.Context, queue string, tallies map[string]broker.Tally) error {
	if b.failures > 0 {
		b.failures--
		return task.ErrUnavailable
	}
	return b.Monitor.Record(ctx, queue, tallies)
}

// An idle server reports once in fifteen seconds.
func TestIdleReports(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := memory.New(nil)
		counted := &countingBeats{Broker: inner, Monitor: inner}
		server := jobsy.NewServer(counted, nil)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		<-time.After(time.Minute + time.Second)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if counted.beats < 5 || counted.beats > 6 { // the last may be that of its end
			t.Errorf("%d reports in a minute, want 5", counted.beats)
		}
		if counted.records != 2 {
			t.Errorf("what was enqueued was counted %d times in a minute and a second, want at its start and end", counted.records)
		}
	})
}

type countingBeats struct {
	broker.Broker
	broker.Monitor
	beats   int
	records int
}

func (b *countingBeats) Record(ctx context.Context, queue string, tallies map[string]broker.Tally) error {
	b.records++
	return b.Monitor.Record(ctx, queue, tallies)
}

func (b *countingBeats) Beat(ctx context.Context, server broker.ServerInfo, lasts time.Duration) error {
	b.beats++
	return b.Monitor.Beat(ctx, server, lasts)
}
