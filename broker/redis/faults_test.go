package redis_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/faultproxy"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

// Whatever the network does, a broker says so in time, and goes on afterwards.
func TestFaultsOfTheNetwork(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for name, fault := range map[string]func(p *faultproxy.Proxy){
		"cut":        (*faultproxy.Proxy).Cut,
		"refuse":     func(p *faultproxy.Proxy) { p.Cut(); p.Refuse() },
		"stall":      (*faultproxy.Proxy).Stall,
		"half close": (*faultproxy.Proxy).HalfClose,
		"delay":      func(p *faultproxy.Proxy) { p.Delay(100 * time.Millisecond) },
		"throttle":   func(p *faultproxy.Proxy) { p.Throttle(10_000) },
		"drop":       func(p *faultproxy.Proxy) { p.DropReplies(0.7, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := faultproxy.Start(t, server.Addr())
			b := open(t, p.Addr(), &redis.Options{Prefix: name})
			f := &failover{b: b, queues: []string{"default", "other", "idle"}}
			f.run(t, func() {
				fault(p)
				mustAnswerInTime(t, b)
				p.Heal(t)
			})
		})
	}
}

// mustAnswerInTime expects success or ErrUnavailable.
func mustAnswerInTime(t *testing.T, b broker.Broker) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	work := task.New("work", nil)
	work.Queue = "unattended"
	begin := time.Now()
	errs := b.Enqueue(ctx, []*task.Task{work})
	if took := time.Since(begin); took > 3*time.Second || errs != nil && !errors.Is(errs[0], task.ErrUnavailable) {
		t.Errorf("enqueue: %v after %s, want ErrUnavailable at most, in time", errs, took)
	}
}

// P6 over and over, on every call that changes something.
func TestLostRepliesChangeNothing(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	p := faultproxy.Start(t, server.Addr())
	b := open(t, p.Addr(), nil)
	warm := task.New("work", nil) // the server knows the scripts from now on
	enqueue(t, b, warm)
	complete(t, b, leaseOne(t, b))
	for lost := range 3 {
		work := task.New("work", nil)
		p.DropNext(lost, "evalsha")
		enqueue(t, b, work)
		p.DropNext(lost, "evalsha")
		l := leaseOne(t, b)
		if l.ID != work.ID || l.Deliveries != 1 {
			t.Errorf("P6: leased %s in delivery %d, want %s in the first", l.ID, l.Deliveries, work.ID)
		}
		p.DropNext(lost, "evalsha")
		complete(t, b, l)
		if p.Left() != 0 {
			t.Errorf("%d replies were not lost", p.Left())
		}
	}
	if counts, err := b.Counts(t.Context(), "default"); err != nil || len(counts) != 0 {
		t.Errorf("P6: left %v, %v", counts, err)
	}
}

// A server that cannot serve for now is unavailable, not wrong.
func TestAServerThatCannotServeIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T) *redistest.Server{
		"full":     full,
		"busy":     busy,
		"replicas": func(t *testing.T) *redistest.Server { return redistest.Start(t, "--min-replicas-to-write", "1") },
		"replica": func(t *testing.T) *redistest.Server {
			return redistest.Start(t, "--replicaof", "127.0.0.1 1", "--replica-serve-stale-data", "yes")
		},
		"stale": func(t *testing.T) *redistest.Server {
			return redistest.Start(t, "--replicaof", "127.0.0.1 1", "--replica-serve-stale-data", "no")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t, prepare(t).Addr(), nil)
			errs := b.Enqueue(t.Context(), []*task.Task{task.New("work", nil)})
			if len(errs) != 1 || !errors.Is(errs[0], task.ErrUnavailable) {
				t.Errorf("enqueue: %v, want ErrUnavailable", errs)
			}
		})
	}
}

// full returns a server whose memory is at its limit.
func full(t *testing.T) *redistest.Server {
	return redistest.Start(t, redistest.MaxMemory("1", "noeviction")...)
}

// busy returns a server that is in a script for as long as the test lasts.
func busy(t *testing.T) *redistest.Server {
	server := redistest.Start(t, "--lua-time-limit", "1")
	ended := make(chan struct{})
	client := goredis.NewClient(&goredis.Options{Addr: server.Addr(), MaxRetries: -1})
	go func() {
		defer close(ended)
		client.Eval(context.Background(), "while true do end", nil)
	}()
	t.Cleanup(func() {
		server.Kill()
		<-ended
		client.Close()
	})
	look := lookInside(t, server.Addr())
	for { // until the server says that it is busy
		if err := look.Ping(t.Context()).Err(); goredis.HasErrorPrefix(err, "BUSY") {
			return server
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// A listener that blocks on a server that has frozen does not keep Close.
func TestCloseDoesNotWaitForAFrozenServer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	b, err := redis.Open(server.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	const workers = 5
	leased := make(chan error, workers)
	for i := range workers {
		go func() {
			request := broker.LeaseRequest{Worker: strconv.Itoa(i), Queues: []string{"default"}, Max: 1, Duration: time.Minute}
			_, err := b.Lease(context.Background(), request)
			leased <- err
		}()
	}
	awaitBlocked(t, server, workers)
	server.Freeze()
	begin := time.Now()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("close took %s", took)
	}
	for range workers {
		if err := <-leased; !errors.Is(err, task.ErrClosed) {
			t.Errorf("lease: %v, want ErrClosed", err)
		}
	}
}

// awaitBlocked waits until the server says that so many clients block.
func awaitBlocked(t *testing.T, server *redistest.Server, n int) {
	t.Helper()
	client := lookInside(t, server.Addr())
	for blocked := ""; blocked != strconv.Itoa(n); {
		info, err := client.InfoMap(t.Context(), "clients").Result()
		if err != nil {
			t.Fatal(err)
		}
		blocked = info["Clients"]["blocked_clients"]
	}
}
