package faults

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

// A server becomes read-only and comes back, as in a failover by hand.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	server, primary := redistest.Start(t), redistest.Start(t)
	s := newStage(t, server.URL())
	w := s.start(nil)
	s.enqueue(10, work{Millis: 200})
	s.drain(10 * time.Second)
	admin := server.Client(t)
	host, port, err := net.SplitHostPort(primary.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.ConfigSet(t.Context(), "replica-serve-stale-data", "yes").Err(); err != nil {
		t.Fatal(err)
	}
	// A primary that is down: the data stays, writes are refused.
	primary.Kill()
	if err := admin.ReplicaOf(t.Context(), host, port).Err(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	err = s.client.Enqueue(ctx, newTask(work{}))
	cancel()
	if !errors.Is(err, task.ErrUnavailable) {
		t.Errorf("P10: Enqueue to a replica: %v, want ErrUnavailable", err)
	}
	if err := admin.ReplicaOf(t.Context(), "no", "one").Err(); err != nil {
		t.Fatal(err)
	}
	s.goOnAfter(w)
	s.drain(10 * time.Second)
	s.finish()
}

// A server that still loads its file is waited for.
func TestLoading(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, append(redistest.AppendOnly("no"), "--key-load-delay", "200", "--loading-process-events-interval-bytes", "1024")...)
	s := newStage(t, server.URL())
	w := s.start(nil)
	w.freeze()
	s.enqueue(3000, work{})
	server.Stop() // writes all there is
	begin := time.Now()
	server.Restart(t)
	w.thaw()
	s.drain(60 * time.Second)
	t.Logf("drained %s after the restart", time.Since(begin))
	s.finish()
}

// Every error of a server that will be well again is ErrUnavailable.
func TestErrorsAreTyped(t *testing.T) {
	t.Parallel()
	for _, reply := range []string{
		"LOADING Redis is loading the dataset in memory",
		"READONLY You can't write against a read only replica.",
		"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
		"CLUSTERDOWN The cluster is down",
		"TRYAGAIN Multiple keys request during rehashing of slot",
		"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
		"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
		"NOREPLICAS Not enough good replicas to write.",
		"OOM command not allowed when used memory > 'maxmemory'.",
	} {
		t.Run(reply, func(t *testing.T) {
			t.Parallel()
			client := goredis.NewClient(&goredis.Options{Addr: redistest.Start(t).Addr(), MaxRetries: -1})
			t.Cleanup(func() { _ = client.Close() })
			client.AddHook(answering{errors.New(reply)})
			b := redis.New(client, nil)
			t.Cleanup(func() { _ = b.Close() })
			errs := b.Enqueue(t.Context(), []*task.Task{newTask(work{})})
			if len(errs) != 1 || !errors.Is(errs[0], task.ErrUnavailable) {
				t.Errorf("Enqueue: %v, want ErrUnavailable", errs)
			}
		})
	}
}

// answering is a server that has one answer to every script.
type answering struct{ err error }

func (a answering) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (a answering) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if cmd.Name() == "evalsha" {
			cmd.SetErr(proto(a.err.Error()))
			return cmd.Err()
		}
		return next(ctx, cmd)
	}
}

func (a answering) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		for _, cmd := range cmds {
			cmd.SetErr(proto(a.err.Error()))
		}
		return proto(a.err.Error())
	}
}

// proto is an error as the client makes it of a reply.
type proto string

func (p proto) Error() string { return string(p) }

// RedisError implements goredis.Error.
func (p proto) RedisError() {}
