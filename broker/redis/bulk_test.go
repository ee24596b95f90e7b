package redis_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

// hold is the longest that one command may keep a server from others.
const hold = 20 * time.Millisecond

// A bulk call is cut, so that it never holds the server for long. Half a million
// tasks take JOBSY_TEST_LONG=1.
func TestBulkCancelHoldsTheServerBriefly(t *testing.T) {
	n := 20_000
	if os.Getenv("JOBSY_TEST_LONG") != "" {
		n = 500_000
	}
	server := redistest.Start(t, "--slowlog-log-slower-than", "1000", "--slowlog-max-len", "100000")
	b, ids := filled(t, server, n)
	client := goredis.NewClient(&goredis.Options{Addr: server.Addr()})
	defer client.Close()
	began := time.Now()
	errs := b.Revise(context.Background(), task.DefaultQueue, ids, broker.Change{Status: task.StatusCancelled, Keep: time.Hour})
	took := time.Since(began)
	if errs != nil {
		t.Fatal(errs[0])
	}
	counts, err := b.Counts(context.Background(), task.DefaultQueue)
	if err != nil || counts[task.StatusCancelled] != n || counts[task.StatusPending] != 0 {
		t.Errorf("counts are %v, %v, want %d cancelled", counts, err, n)
	}
	t.Logf("%d tasks cancelled in %v; the slowest command took %v", n, took, slowest(t, client))
	if d := slowest(t, client); d > hold {
		t.Errorf("a command held the server for %v, want at most %v", d, hold)
	}
}

func slowest(t *testing.T, client *goredis.Client) time.Duration {
	t.Helper()
	log, err := client.SlowLogGet(context.Background(), -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	var most time.Duration
	for _, entry := range log {
		most = max(most, entry.Duration)
	}
	return most
}

// filled returns a broker with n pending tasks.
func filled(t *testing.T, server *redistest.Server, n int) (*redis.Broker, []uuid.UUID) {
	t.Helper()
	b, err := redis.Open(server.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	ids := make([]uuid.UUID, 0, n)
	for len(ids) < n {
		tasks := make([]*task.Task, min(broker.MaxBatch, n-len(ids)))
		for i := range tasks {
			tasks[i] = task.New("bulk", make([]byte, 100))
			ids = append(ids, tasks[i].ID)
		}
		if errs := b.Enqueue(context.Background(), tasks); errs != nil {
			t.Fatal(errs)
		}
	}
	return b, ids
}

// Cancelled one by one or all at once, tasks leave nothing behind.
func TestCancelledTasksLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	const n = 10_000
	server := redistest.Start(t)
	b, ids := filled(t, server, 2*n)
	ctx := context.Background()
	change := broker.Change{Status: task.StatusCancelled}
	for _, id := range ids[:n] {
		if errs := b.Revise(ctx, task.DefaultQueue, []uuid.UUID{id}, change); errs != nil {
			t.Fatal(errs)
		}
	}
	if errs := b.Revise(ctx, task.DefaultQueue, ids[n:], change); errs != nil {
		t.Fatal(errs)
	}
	client := goredis.NewClient(&goredis.Options{Addr: server.Addr()})
	defer client.Close()
	keys, err := client.Keys(ctx, "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	rest := map[string]bool{"jobsy:queues": true, "jobsy:{default}:seq": true, "jobsy:{default}:arrivals": true, "jobsy:{default}:wake": true}
	for _, key := range keys {
		if ttl := client.PTTL(ctx, key).Val(); !rest[key] && ttl < 0 {
			t.Errorf("%s is left", key)
		}
	}
}
