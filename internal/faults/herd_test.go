package faults

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

// Many servers wait on one Redis. A task wakes one of them, not all.
func TestHerd(t *testing.T) {
	t.Parallel()
	servers := 200
	if raceEnabled {
		servers = 50
	}
	const tasks = 24 // two a second, for as long as the servers were watched before
	redisServer := redistest.Start(t)
	admin := redisServer.Client(t)
	ran := make(chan time.Time, tasks)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, servers)
	var producer *jobsy.Client
	for range servers {
		b, err := redis.Open(redisServer.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		server := jobsy.NewServer(b, nil)
		server.HandleFunc("work", func(context.Context, *task.Task) error { ran <- time.Now(); return nil })
		go func() { ended <- errors.Join(server.Run(ctx), b.Close()) }()
		producer = server.Client()
	}
	if !await(ctx, 30*time.Second, func(ctx context.Context) bool { return blocked(ctx, admin) >= servers }) {
		t.Fatal("not all servers wait")
	}
	idle := commands(t, redisServer, func() { <-time.After(12 * time.Second) })
	var slowest time.Duration
	busy := commands(t, redisServer, func() {
		pace := time.NewTicker(500 * time.Millisecond)
		defer pace.Stop()
		for range tasks {
			begin := time.Now()
			if err := producer.Enqueue(ctx, task.New("work", nil)); err != nil {
				t.Fatal(err)
			}
			slowest = max(slowest, (<-ran).Sub(begin))
			<-pace.C
		}
	})
	cancel()
	for range servers {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	a := float64(busy-idle) / tasks
	t.Logf("%d servers: %d commands in 12 s when idle, %d with a task each half second: %.1f a task; slowest pickup %s", servers, idle, busy, a, slowest)
	// Enqueue, wake-up, lease, settle, and waiting anew; servers look by themselves
	// now and then, too, which the two measurements do not share evenly.
	if most := 10 + float64(servers)/10; a > most {
		t.Errorf("a task costs %.1f commands with %d servers, want %.0f at most", a, servers, most)
	}
}

func blocked(ctx context.Context, admin *goredis.Client) int {
	info, err := admin.InfoMap(ctx, "clients").Result()
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(info["Clients"]["blocked_clients"])
	return n
}

// commands counts what clients send while do runs.
func commands(t *testing.T, server *redistest.Server, do func()) int {
	t.Helper()
	before := server.Sent(t)
	do()
	return server.Sent(t) - before
}
