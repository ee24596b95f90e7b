package redis_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

func open(t testing.TB, addr string, opts *redis.Options) *redis.Broker {
	t.Helper()
	b, err := redis.Open("redis://"+addr, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

func lookInside(t *testing.T, addr string) *goredis.Client {
	client := goredis.NewClient(&goredis.Options{Addr: addr})
	t.Cleanup(func() { client.Close() })
	return client
}

func enqueue(t *testing.T, b broker.Broker, tasks ...*task.Task) {
	t.Helper()
	if errs := b.Enqueue(t.Context(), tasks); errs != nil {
		t.Fatalf("enqueue: %v", errs)
	}
}

func leaseOne(t *testing.T, b broker.Broker) broker.Lease {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	leases, err := b.Lease(ctx, broker.LeaseRequest{Worker: "w", Queues: []string{"default"}, Max: 1, Duration: time.Minute})
	if err != nil || len(leases) != 1 {
		t.Fatalf("lease: %v, %v", leases, err)
	}
	return leases[0]
}

func complete(t *testing.T, b broker.Broker, l broker.Lease) {
	t.Helper()
	if errs := b.Settle(t.Context(), []broker.Outcome{{Lease: l, Status: task.StatusCompleted}}); errs != nil {
		t.Fatalf("settle: %v", errs)
	}
}

func TestScriptsAreSentAgainAfterAFlush(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	b, client := open(t, server.Addr(), nil), lookInside(t, server.Addr())
	flush := func() {
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		flush()
		enqueue(t, b, task.New("work", nil))
		flush()
		l := leaseOne(t, b)
		flush()
		if errs := b.Extend(t.Context(), []broker.Lease{l}, time.Minute); errs != nil {
			t.Fatalf("extend: %v", errs)
		}
		flush()
		complete(t, b, l)
	}
}

func TestARestartIsSurvived(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	b := open(t, server.Addr(), nil)
	work := task.New("work", nil)
	enqueue(t, b, work)
	server.Kill()
	server.Restart(t)
	l := leaseOne(t, b)
	if l.ID != work.ID {
		t.Errorf("leased %s, want %s", l.ID, work.ID)
	}
	complete(t, b, l)
}

func TestEnqueueWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	b := open(t, server.Addr(), nil)
	enqueue(t, b, task.New("work", nil))
	server.Kill()

	begin := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	errs := b.Enqueue(ctx, []*task.Task{task.New("work", nil)})
	if took := time.Since(begin); len(errs) != 1 || !errors.Is(errs[0], task.ErrUnavailable) || took > 2*time.Second {
		t.Errorf("with a context of 200ms: %v after %s, want ErrUnavailable in time", errs, took)
	}
	begin = time.Now()
	errs = b.Enqueue(context.Background(), []*task.Task{task.New("work", nil)})
	if took := time.Since(begin); len(errs) != 1 || !errors.Is(errs[0], task.ErrUnavailable) || took > 15*time.Second {
		t.Errorf("without a bound: %v after %s, want ErrUnavailable within seconds", errs, took)
	} else {
		t.Logf("without a bound: %v after %s", errs[0], took)
	}
	if err := b.Ping(context.Background()); !errors.Is(err, task.ErrUnavailable) || !strings.Contains(err.Error(), server.Addr()) {
		t.Errorf("ping: %v, want ErrUnavailable and the address", err)
	}

	server.Restart(t)
	enqueue(t, b, task.New("work", nil))
}

// infoHook answers INFO with a text of its own.
type infoHook string

func (infoHook) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (infoHook) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

func (h infoHook) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if info, ok := cmd.(*goredis.StringCmd); ok && cmd.Name() == "info" {
			info.SetVal(string(h))
			return nil
		}
		return next(ctx, cmd)
	}
}

func withInfo(t *testing.T, info string, log *slog.Logger) *redis.Broker {
	client := lookInside(t, miniredis.RunT(t).Addr())
	client.AddHook(infoHook(info))
	b := redis.New(client, &redis.Options{Logger: log})
	t.Cleanup(func() { b.Close() })
	return b
}

func TestAServerThatIsTooOldIsRefused(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"5.0.14", "6.0.20"} {
		b := withInfo(t, "# Server\r\nredis_version:"+version+"\r\n", nil)
		errs := b.Enqueue(t.Context(), []*task.Task{task.New("work", nil)})
		if len(errs) != 1 || errs[0] == nil || !strings.Contains(errs[0].Error(), version) || !strings.Contains(errs[0].Error(), "6.2") {
			t.Errorf("version %s: %v, want an error that names it and 6.2", version, errs)
		}
	}
	for _, version := range []string{"6.2.0", "7.0.15", "8.0.0", "255.255.255"} {
		enqueue(t, withInfo(t, "redis_version:"+version+"\r\n", nil), task.New("work", nil))
	}
}

func TestAServerThatMayEvictIsWarnedOf(t *testing.T) {
	t.Parallel()
	for policy, warned := range map[string]bool{"allkeys-lru": true, "volatile-ttl": true, "noeviction": false} {
		var log bytes.Buffer
		b := withInfo(t, "redis_version:7.0.0\r\nmaxmemory_policy:"+policy+"\r\n", slog.New(slog.NewTextHandler(&log, nil)))
		enqueue(t, b, task.New("work", nil), task.New("work", nil))
		enqueue(t, b, task.New("work", nil))
		if got := strings.Count(log.String(), "noeviction"); warned != (got == 1) {
			t.Errorf("policy %s: log %q", policy, log.String())
		}
	}
}

func TestForeignMembersAreSetAside(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	b, client := open(t, server.Addr(), nil), lookInside(t, server.Addr())
	for i, member := range []string{"x", "", "a|b|c", strings.Repeat("long", 100), "|1|1"} {
		if err := client.ZAdd(t.Context(), "jobsy:{default}:pending", goredis.Z{Score: float64(i), Member: member}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	work := task.New("work", nil)
	enqueue(t, b, work)
	if l := leaseOne(t, b); l.ID != work.ID {
		t.Errorf("P13: leased %s", l.ID)
	}
	counts, err := b.Counts(t.Context(), "default")
	if err != nil || counts[task.StatusPending] != 0 || counts[task.StatusRunning] != 1 || counts[task.StatusFailed] < 4 {
		t.Errorf("P13: counts %v, %v, want the foreign members failed", counts, err)
	}
	failed, _, err := b.Tasks(t.Context(), "default", task.StatusFailed, "", 100)
	if err != nil || len(failed) < 4 || !strings.Contains(failed[0].LastError, "malformed") {
		t.Errorf("P13: failed tasks %+v, %v", failed, err)
	}
}

func TestPrefixesKeepApart(t *testing.T) {
	t.Parallel()
	addr := miniredis.RunT(t).Addr()
	one, two := open(t, addr, &redis.Options{Prefix: "one"}), open(t, addr, &redis.Options{Prefix: "two"})
	enqueue(t, one, task.New("work", nil))
	if counts, err := two.Counts(t.Context(), "default"); err != nil || len(counts) != 0 {
		t.Errorf("counts %v, %v under another prefix", counts, err)
	}
	if queues, err := one.Queues(t.Context()); err != nil || len(queues) != 1 {
		t.Errorf("queues %v, %v", queues, err)
	}
}

// A worker that goes away leaves no listener behind that takes wake-ups.
func TestAWorkerThatIsGoneTakesNoWakeUp(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	gone, stays := open(t, server.Addr(), nil), open(t, server.Addr(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	request := broker.LeaseRequest{Worker: "gone", Queues: []string{"default"}, Max: 1, Duration: time.Minute}
	go func() { _, err := gone.Lease(ctx, request); ended <- err }()
	client := lookInside(t, server.Addr())
	for blocked := ""; blocked != "1"; { // until the server says that it blocks
		info, err := client.InfoMap(t.Context(), "clients").Result()
		if err != nil {
			t.Fatal(err)
		}
		blocked = info["Clients"]["blocked_clients"]
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("lease: %v", err)
	}
	picked := make(chan broker.Lease, 1)
	go func() { picked <- leaseOne(t, stays) }()
	begin := time.Now()
	enqueue(t, gone, task.New("work", nil))
	<-picked
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("P11: the other worker got the task after %s", took)
	}
}

// More workers than the pool has connections block without starving the calls.
func TestManyWorkersShareOneBroker(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	b, err := redis.Open(server.URL()+"?pool_size=4", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	const workers = 50
	leased := make(chan error, workers)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for i := range workers {
		go func() {
			request := broker.LeaseRequest{Worker: strconv.Itoa(i), Queues: []string{"default"}, Max: 1, Duration: time.Minute}
			_, err := b.Lease(ctx, request)
			leased <- err
		}()
	}
	client := lookInside(t, server.Addr())
	for blocked := ""; blocked != strconv.Itoa(workers); { // until the server says that all block
		info, err := client.InfoMap(ctx, "clients").Result()
		if err != nil {
			t.Fatal(err)
		}
		blocked = info["Clients"]["blocked_clients"]
	}
	tasks := make([]*task.Task, workers)
	for i := range tasks {
		tasks[i] = task.New("work", nil)
	}
	begin := time.Now()
	enqueue(t, b, tasks...)
	for range workers {
		if err := <-leased; err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("P11: the workers got their tasks after %s", took)
	}
}
