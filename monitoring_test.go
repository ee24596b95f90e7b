package jobsy_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// A server says what it runs, with the next beat.
func TestServersTellWhatRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		server := jobsy.NewServer(b, nil)
		server.HandleFunc("work", func(ctx context.Context, _ *task.Task) error {
			<-ctx.Done()
			return ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		operator, sent := admin.New(b, nil), task.New("work", nil)
		if err := server.Client().Enqueue(ctx, sent); err != nil {
			t.Fatal(err)
		}
		<-time.After(6 * time.Second)
		servers, err := operator.Servers(ctx)
		if err != nil || len(servers) != 1 || servers[0].Busy != 1 || len(servers[0].Running) != 1 {
			t.Fatalf("servers %+v, %v", servers, err)
		}
		if r := servers[0].Running[0]; r.ID != sent.ID || r.Name != "work" || r.Queue != "default" || time.Since(r.Since) != 6*time.Second {
			t.Errorf("it runs %+v", r)
		}
		cancel()
		synctest.Wait()
		servers, err = operator.Servers(t.Context())
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
		got, err := admin.New(b, nil).Figures(ctx, "", now.Add(-time.Hour), now.Add(time.Minute))
		if err != nil || got.Total.Completed != names || b.failures != 0 {
			t.Errorf("figures of %d in all, %v", got.Total.Completed, err)
		}
		byName, err := admin.New(b, nil).FiguresByName(ctx, "", now.Add(-time.Hour), now.Add(time.Minute))
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
