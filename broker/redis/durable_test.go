package redis_test

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/faultproxy"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

func openDurable(t *testing.T, url string, d redis.Durability) *redis.Broker {
	t.Helper()
	b, err := redis.Open(url, &redis.Options{Durability: d})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// Enqueue returns once the replica has the task, and says so if it has not.
func TestDurableEnqueue(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinels(t)
	s.AwaitSync(t)
	b := openDurable(t, s.URL(), redis.Durability{Replicas: 1, Timeout: 300 * time.Millisecond})
	tasks := []*task.Task{task.New("one", nil), task.New("two", nil), task.New("other queue", nil)}
	tasks[2].Queue = "other"
	if errs := b.Enqueue(t.Context(), tasks); errs != nil {
		t.Fatalf("with a replica that follows: %v", errs)
	}
	replica := s.Replica(t)
	if n := replica.Client(t).ZCard(t.Context(), "jobsy:{default}:pending").Val(); n != 2 {
		t.Errorf("the replica has %d tasks, want 2", n)
	}

	replica.Freeze()
	defer replica.Thaw()
	late, client := task.New("late", nil), jobsy.NewClient(b, nil)
	for range 2 { // the second time it is there, but no further
		begin := time.Now()
		err := client.Enqueue(t.Context(), late)
		if !errors.Is(err, task.ErrNotDurable) || !errors.Is(err, task.ErrUnavailable) || errors.Is(err, task.ErrDuplicate) {
			t.Errorf("with a replica that hangs: %v, want ErrNotDurable", err)
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("it took %s to say so", took)
		}
	}
	if got, err := b.Task(t.Context(), task.DefaultQueue, late.ID); err != nil || got.Status != task.StatusPending {
		t.Errorf("the task is %v, %v, want it taken all the same", got, err)
	}
	replica.Thaw()
	if err := client.Enqueue(t.Context(), late); err != nil {
		t.Errorf("the same task again: %v", err)
	}
	if err := client.Enqueue(t.Context(), late); !errors.Is(err, task.ErrDuplicate) {
		t.Errorf("the same task once more: %v, want ErrDuplicate", err)
	}
}

func TestDurableEnqueueOnACluster(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t)
	c.AwaitSync(t)
	b := openDurable(t, c.URL(), redis.Durability{Replicas: 1})
	tasks := make([]*task.Task, 30)
	for i := range tasks {
		tasks[i] = task.New("work", nil)
		tasks[i].Queue = string(rune('a' + i%10))
	}
	if errs := b.Enqueue(t.Context(), tasks); errs != nil {
		t.Fatal(errs)
	}
	names, err := b.Queues(t.Context())
	if err != nil || len(names) != 10 {
		t.Errorf("queues %v, %v, want 10", names, err)
	}
}

// A server that cannot say whether the disk has it is told of, and not waited for.
func TestDurableOnDisk(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.AppendOnly("everysec")...)
	has := server.Client(t).Do(t.Context(), "COMMAND", "INFO", "WAITAOF").String() != "COMMAND INFO WAITAOF: [<nil>]"
	b := openDurable(t, server.URL(), redis.Durability{Disk: true})
	errs := b.Enqueue(t.Context(), []*task.Task{task.New("work", nil)})
	switch {
	case has && errs != nil:
		t.Errorf("Enqueue: %v", errs)
	case !has && (len(errs) != 1 || !errors.Is(errs[0], task.ErrNotDurable) || errors.Is(errs[0], task.ErrUnavailable)):
		t.Errorf("on a server without WAITAOF: %v, want ErrNotDurable for good", errs)
	}
	t.Logf("the server has WAITAOF: %v", has)
}

func TestBadDurability(t *testing.T) {
	t.Parallel()
	for _, d := range []redis.Durability{{Replicas: -1}, {Replicas: 1, Timeout: -1}, {Replicas: 1, Timeout: time.Minute}} {
		if _, err := redis.Open("redis://127.0.0.1:1", &redis.Options{Durability: d}); !errors.Is(err, task.ErrInvalid) {
			t.Errorf("%+v: %v, want ErrInvalid", d, err)
		}
	}
}

// A call that is repeated, for its first reply was lost, waits like the first one.
func TestARepeatIsDurable(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	host, port, err := net.SplitHostPort(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	replica := redistest.Start(t, "--replicaof", host+" "+port)
	p := faultproxy.Start(t, server.Addr())
	b := openDurable(t, "redis://"+p.Addr(), redis.Durability{Replicas: 1})
	warm := task.New("warm", nil) // the server knows the script from now on
	for client := jobsy.NewClient(b, nil); ; {
		if err := client.Enqueue(t.Context(), warm); err == nil {
			break
		} else if !errors.Is(err, task.ErrNotDurable) { // the replica is not there yet
			t.Fatal(err)
		}
	}
	replica.Freeze()
	defer replica.Thaw()
	p.DropNext(1, "evalsha")
	if errs := b.Enqueue(t.Context(), []*task.Task{task.New("work", nil)}); len(errs) != 1 || !errors.Is(errs[0], task.ErrNotDurable) {
		t.Errorf("%v, want ErrNotDurable", errs)
	}
	if p.Left() != 0 {
		t.Error("no reply was lost")
	}
}
