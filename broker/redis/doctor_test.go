package redis_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

// patient is a keyspace that has one of everything, and is healthy.
type patient struct {
	*testing.T
	*redis.Broker
	client *goredis.Client

	pending, scheduled, retrying, completed, failed *task.Task
	unique, throttled, latest, next                 *task.Task
	running                                         broker.Lease
}

const patientKeys = "jobsy:{default}:"

func newPatient(t *testing.T, addr string) *patient {
	p := &patient{T: t, Broker: open(t, addr, nil), client: lookInside(t, addr)}
	for _, made := range []**task.Task{&p.completed, &p.failed, &p.retrying, &p.latest} {
		*made = task.New("work", []byte("p"))
	}
	p.latest.Unique = task.Unique{Mode: task.Latest, Key: "latest"}
	running := task.New("work", nil)
	enqueue(t, p, p.completed, p.failed, p.retrying, p.latest, running)
	for range 3 {
		l := leaseOne(t, p)
		o := broker.Outcome{Lease: l, Status: task.StatusCompleted, Keep: time.Hour, Delay: time.Hour}
		switch l.ID {
		case p.failed.ID:
			o.Status = task.StatusFailed
		case p.retrying.ID:
			o.Status = task.StatusRetrying
		}
		o.Task = l.Task
		if errs := p.Settle(t.Context(), []broker.Outcome{o}); errs != nil {
			t.Fatal(errs)
		}
	}
	leaseOne(t, p) // the latest runs
	p.running = leaseOne(t, p)
	p.next, p.pending, p.scheduled = task.New("work", nil), task.New("work", nil), task.New("work", nil)
	p.unique, p.throttled = task.New("work", nil), task.New("work", nil)
	p.next.Unique = p.latest.Unique
	p.unique.Unique = task.Unique{Mode: task.UntilEnded, Key: "unique"}
	p.throttled.Unique = task.Unique{Mode: task.Throttle, Key: "throttled", For: time.Hour}
	p.scheduled.RunAt = time.Now().Add(time.Hour)
	enqueue(t, p, p.next, p.pending, p.scheduled, p.unique, p.throttled)
	p.finds()
	return p
}

// finds checks what an examination finds: kinds, each with the end of its key.
func (p *patient) finds(want ...string) []redis.Finding {
	p.Helper()
	found, err := p.Examine(p.Context())
	if err != nil {
		p.Fatalf("Examine: %v", err)
	}
	left := make(map[string]int)
	for _, f := range found {
		left[string(f.Kind)+" in "+strings.TrimPrefix(f.Key, patientKeys)]++
	}
	for _, w := range want {
		left[w]--
	}
	for name, n := range left {
		if n != 0 {
			p.Errorf("%+d findings of %q; found %+v", n, name, found)
		}
	}
	return found
}

func idOf(t *task.Task) string { return base64.RawURLEncoding.EncodeToString(t.ID[:]) }

func (p *patient) do(args ...any) {
	p.Helper()
	for i, arg := range args {
		switch arg := arg.(type) {
		case *task.Task:
			args[i] = idOf(arg)
		case string:
			if name, ok := strings.CutPrefix(arg, ":"); ok {
				args[i] = patientKeys + name
			}
		}
	}
	if err := p.client.Do(p.Context(), args...).Err(); err != nil {
		p.Fatalf("%v: %v", args, err)
	}
}

func (p *patient) status(t *task.Task) task.Status {
	p.Helper()
	found, err := p.Task(p.Context(), "default", t.ID)
	if errors.Is(err, task.ErrNotFound) {
		return "gone"
	}
	if err != nil {
		p.Fatalf("Task: %v", err)
	}
	return found.Status
}

func (p *patient) are(want map[*task.Task]task.Status) {
	p.Helper()
	for t, status := range want {
		if got := p.status(t); got != status {
			p.Errorf("task %s is %s, want %s", t.ID, got, status)
		}
	}
}

// damage is one way to break a keyspace.
type damage struct {
	name  string
	wreck func(p *patient)
	found []string
	left  bool // it is not repaired
	then  func(p *patient)
}

var far = float64(time.Now().Add(time.Hour).UnixMilli())

const someID = "AZMxbqYWf0SuqCWvuHTE7A"

var damages = []damage{
	{"records without a state", func(p *patient) {
		for _, of := range []struct {
			set string
			t   *task.Task
		}{{":pending", p.pending}, {":scheduled", p.scheduled}, {":retrying", p.retrying}, {":completed", p.completed}, {":failed", p.failed}} {
			p.do("ZREM", of.set, of.t)
		}
	}, []string{"no state in tasks", "no state in tasks", "no state in tasks", "no state in tasks", "no state in tasks"}, false, func(p *patient) {
		p.are(map[*task.Task]task.Status{
			p.pending: task.StatusPending, p.scheduled: task.StatusScheduled, p.retrying: task.StatusPending,
			p.completed: task.StatusCompleted, p.failed: task.StatusFailed,
		})
	}},
	{"a lease that is gone", func(p *patient) {
		p.do("ZREM", ":running", fmt.Sprintf("%s|1|%d", idOf(p.running.Task), p.running.Token))
	}, []string{"no state in tasks"}, false, func(p *patient) {
		p.are(map[*task.Task]task.Status{p.running.Task: task.StatusPending})
	}},
	{"a waiting latest without a state", func(p *patient) { p.do("ZREM", ":scheduled", p.next) },
		[]string{"no state in tasks"}, false, func(p *patient) {
			p.are(map[*task.Task]task.Status{p.next: task.StatusScheduled})
		}},
	{"states without a record", func(p *patient) { p.do("HDEL", ":tasks", p.pending, p.completed) },
		[]string{"no record in pending", "no record in completed"}, false, func(p *patient) {
			p.are(map[*task.Task]task.Status{p.pending: "gone", p.completed: "gone"})
		}},
	{"a held lease without a record", func(p *patient) { p.do("HDEL", ":tasks", p.running.Task) },
		[]string{"no record in running"}, true, nil},
	{"a lapsed lease without a record", func(p *patient) { p.do("ZADD", ":running", 1, someID+"|1|2") },
		[]string{"no record in running"}, false, nil},
	{"waiting in two sets", func(p *patient) {
		p.do("ZADD", ":scheduled", far*256, p.pending)
		p.do("ZADD", ":pending", 1, p.failed)
	}, []string{"two states in tasks", "two states in tasks"}, false, func(p *patient) {
		p.are(map[*task.Task]task.Status{p.pending: task.StatusPending, p.failed: task.StatusFailed})
	}},
	{"running and waiting", func(p *patient) { p.do("ZADD", ":pending", 1, p.running.Task) },
		[]string{"two states in tasks"}, false, func(p *patient) {
			p.are(map[*task.Task]task.Status{p.running.Task: task.StatusRunning})
			complete(p.T, p, p.running)
		}},
	{"two leases", func(p *patient) { p.do("ZADD", ":running", far, idOf(p.running.Task)+"|1|1") },
		[]string{"two states in tasks"}, false, func(p *patient) { complete(p.T, p, p.running) }},
	{"records that cannot be decoded", func(p *patient) {
		p.do("HSET", ":tasks", p.pending, "\xff\xfe", p.retrying, "", p.completed, "\xff")
	}, []string{"bad record in tasks", "bad record in tasks", "bad record in tasks"}, false, func(p *patient) {
		p.are(map[*task.Task]task.Status{p.pending: task.StatusFailed, p.retrying: task.StatusFailed, p.completed: task.StatusFailed})
		if found, err := p.Task(p.Context(), "default", p.pending.ID); err != nil || found.Name != "malformed" || string(found.Payload) != "\xff\xfe" || found.LastError == "" {
			p.Errorf("the stand-in is %+v, %v", found, err)
		}
	}},
	{"a running record that cannot be decoded", func(p *patient) { p.do("HSET", ":tasks", p.running.Task, "\xff\xfe") },
		[]string{"bad record in tasks"}, true, nil},
	{"ids that are none", func(p *patient) {
		p.do("HSET", ":tasks", "x", "record", "y", "record")
		p.do("ZADD", ":pending", 1, "x", 1, "z")
		p.do("ZADD", ":running", 1, "foo")
	}, []string{"bad id in pending", "bad id in tasks", "bad id in pending", "bad id in tasks", "bad id in running"}, false, func(p *patient) {
		counts, err := p.Counts(p.Context(), "default")
		if err != nil || counts[task.StatusFailed] != 3 {
			p.Errorf("counts %v, %v, want three failed", counts, err)
		}
	}},
	{"a lease that is none", func(p *patient) { p.do("ZADD", ":running", far, someID+"|a|b") },
		[]string{"bad id in running", "no record in running"}, true, nil},
	{"scores that cannot be", func(p *patient) {
		p.do("ZADD", ":pending", -5, p.pending)
		p.do("ZADD", ":scheduled", "+inf", p.scheduled)
		p.do("ZADD", ":completed", "+inf", p.completed)
		p.do("ZADD", ":running", "+inf", fmt.Sprintf("%s|1|%d", idOf(p.running.Task), p.running.Token))
	}, []string{"bad score in pending", "bad score in scheduled", "stuck in scheduled", "bad score in completed", "bad score in running"}, false, func(p *patient) {
		p.are(map[*task.Task]task.Status{p.pending: task.StatusPending, p.scheduled: task.StatusScheduled})
		complete(p.T, p, p.running)
	}},
	{"a task that waits in vain", func(p *patient) { p.do("HSET", ":locks", broker.LockKey(p.next), "l|"+idOf(p.latest)+"||0") },
		[]string{"stuck in scheduled"}, false, func(p *patient) {
			p.are(map[*task.Task]task.Status{p.next: task.StatusPending})
		}},
	{"locks without a holder", func(p *patient) {
		p.do("HSET", ":locks", broker.LockKey(p.unique), "e|"+someID, p.pending.ID.String(), "s|"+idOf(p.failed))
	}, []string{"void lock in locks", "void lock in locks"}, false, func(p *patient) {
		again := task.New("work", nil)
		again.Unique = p.unique.Unique
		enqueue(p.T, p, again)
	}},
	{"a lock whose holder has gone lets the next one run", func(p *patient) {
		p.do("HSET", ":locks", broker.LockKey(p.next), "l|"+someID+"|"+idOf(p.next)+"|0")
	}, []string{"void lock in locks"}, false, func(p *patient) {
		p.are(map[*task.Task]task.Status{p.next: task.StatusPending})
	}},
	{"a lock whose next one is gone", func(p *patient) {
		p.do("HSET", ":locks", broker.LockKey(p.next), "l|"+idOf(p.latest)+"|"+someID+"|0")
	}, []string{"void lock in locks", "stuck in scheduled"}, false, nil},
	{"locks that cannot be read", func(p *patient) {
		p.do("HSET", ":locks", "a", "", "b", "x|"+someID, "c", "t|"+someID+"|soon", "d", "e|x", "e", "l|"+someID+"|x|0")
	}, []string{"bad lock in locks", "bad lock in locks", "bad lock in locks", "bad lock in locks", "bad lock in locks"}, false, nil},
	{"a throttle without an end", func(p *patient) { p.do("DEL", ":lapses") },
		[]string{"bad lock in locks"}, false, func(p *patient) {
			if n, err := p.client.ZCard(p.Context(), patientKeys+"lapses").Result(); err != nil || n != 1 {
				p.Errorf("%d lapses, %v", n, err)
			}
		}},
	{"ends without a throttle", func(p *patient) { p.do("ZADD", ":lapses", far, "x", far, broker.LockKey(p.unique)) },
		[]string{"void mark in lapses", "void mark in lapses"}, false, nil},
	{"marks without a task", func(p *patient) {
		p.do("HSET", ":cancelling", p.pending, "1", someID, "1")
		p.do("HSET", ":progress", p.completed, "", someID, "")
	}, []string{"void mark in cancelling", "void mark in cancelling", "void mark in progress", "void mark in progress"}, false, nil},
	{"a foreign marker", func(p *patient) { p.do("ZADD", ":wake", 0, "hello") },
		[]string{"bad marker in wake"}, false, nil},
	{"a counter that is gone", func(p *patient) { p.do("DEL", ":seq") },
		[]string{"bad number in seq"}, false, func(p *patient) {
			if l := leaseOne(p.T, p); l.Token <= p.running.Token {
				p.Errorf("token %d after %d", l.Token, p.running.Token)
			}
		}},
	{"a counter that is none", func(p *patient) { p.do("SET", ":seq", "x"); p.do("ZREM", ":pending", p.pending) },
		[]string{"bad number in seq", "no state in tasks"}, false, nil},
	{"a schedule that cannot be read", func(p *patient) { p.do("HSET", ":schedules", "s", "soon", "good", "1|0|") },
		[]string{"bad schedule in schedules"}, true, nil},
	{"keys of the wrong type", func(p *patient) {
		p.do("DEL", ":completed", ":lapses")
		p.do("SET", ":completed", "x")
		p.do("SET", ":lapses", "x")
		p.do("LPUSH", ":reply:x", "x")
	}, []string{"bad type in completed", "bad type in lapses", "bad type in reply:x"}, true, nil},
	{"the names of the wrong type", func(p *patient) { p.do("SET", "jobsy:queues", "x") },
		[]string{"bad type in jobsy:queues"}, true, nil},
	{"keys of nobody", func(p *patient) {
		p.do("SET", ":other", "x")
		p.do("SET", ":reply:", "x")
		p.do("SET", ":names20:1", "x")
		p.do("SET", "jobsy:x", "x")
		p.do("SET", "jobsy:{a{b}:tasks", "x")
		p.do("SET", "jobsy:more:{default}:tasks", "of another prefix")
		p.do("HSET", "jobsy:more:{default}:names10:1", "of another", "prefix")
		p.do("SET", "jobsyx:y", "of another")
	}, []string{"lost key in other", "lost key in reply:", "lost key in names20:1", "lost key in jobsy:x", "lost key in jobsy:{a{b}:tasks"}, true, nil},
	{"figures of the wrong type", func(p *patient) {
		p.do("HSET", ":figures:1", "x", 1)
		p.do("HSET", ":figures10:1", "x", 1)
		p.do("SET", ":names:1", "x")
		p.do("SET", ":names10:1", "x")
	}, []string{"bad type in figures:1", "bad type in figures10:1", "bad type in names:1", "bad type in names10:1"}, true, nil},
	{"figures that stay", func(p *patient) {
		p.do("SET", ":figures:1", "completed=1")
		p.do("SET", ":figures10:1", "completed=1")
		p.do("HSET", ":names:1", "a", "completed=1")
		p.do("HSET", ":names10:1", "a", "completed=1")
	}, []string{"no expiry in figures:1", "no expiry in figures10:1", "no expiry in names:1", "no expiry in names10:1"}, false, nil},
	{"a reply that stays", func(p *patient) { p.do("SET", ":reply:x", "1|") },
		[]string{"no expiry in reply:x"}, false, nil},
	{"names and queues that do not fit", func(p *patient) {
		p.do("SREM", "jobsy:queues", "default")
		p.do("SADD", "jobsy:queues", "none", "b{d")
	}, []string{"unnamed queue in jobsy:queues", "no queue in jobsy:queues", "no queue in jobsy:queues"}, false, func(p *patient) {
		if queues, err := p.Queues(p.Context()); err != nil || len(queues) != 1 || queues[0] != "default" {
			p.Errorf("queues %v, %v", queues, err)
		}
	}},
}

func TestDoctorOnMiniredis(t *testing.T) {
	t.Parallel()
	testDoctor(t, func(t *testing.T) string { return miniredis.RunT(t).Addr() })
}

func TestDoctorOnRedis(t *testing.T) {
	t.Parallel()
	testDoctor(t, func(t *testing.T) string { return redistest.Start(t).Addr() })
}

func testDoctor(t *testing.T, addr func(*testing.T) string) {
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t, addr(t))
			d.wreck(p)
			found := p.finds(d.found...)
			if again := p.finds(d.found...); len(again) != len(found) {
				p.Errorf("an examination changes something: first %+v, then %+v", found, again)
			}
			errs := p.Repair(t.Context(), found)
			if d.left {
				if len(errs) == 0 || !errors.Is(errs[0], redis.ErrNotRepaired) {
					p.Errorf("Repair: %v, want ErrNotRepaired", errs)
				}
				p.finds(d.found...)
				return
			}
			if errs != nil {
				p.Errorf("Repair: %v", errs)
			}
			p.finds()
			if errs := p.Repair(t.Context(), found); errs != nil {
				p.Errorf("Repair again: %v", errs)
			}
			p.finds()
			if d.then != nil {
				d.then(p)
			}
		})
	}
}

func TestDoctorOfNamedQueues(t *testing.T) {
	t.Parallel()
	p := newPatient(t, miniredis.RunT(t).Addr())
	p.do("ZADD", "jobsy:{other}:pending", 0, someID)
	for queue, want := range map[string]int{"default": 0, "other": 1, "nothing": 0} {
		if found, err := p.Examine(t.Context(), queue); err != nil || len(found) != want {
			t.Errorf("queue %s: found %+v, %v, want %d", queue, found, err, want)
		}
	}
	var field *task.FieldError
	if _, err := p.Examine(t.Context(), "b{d"); !errors.As(err, &field) {
		t.Errorf("a bad name: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Examine(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	if errs := p.Repair(t.Context(), []redis.Finding{{Kind: "unknown"}, {Queue: "default", Kind: redis.KindNoState, ID: uuid.NewString()}}); len(errs) != 2 || !errors.Is(errs[0], redis.ErrNotRepaired) || errs[1] != nil {
		t.Errorf("Repair of what is not: %v", errs)
	}
}

// A prefix is no pattern.
func TestDoctorUnderAPrefixThatLooksLikeAPattern(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t).Addr()
	b, client := open(t, addr, &redis.Options{Prefix: `a*[b]?\\`}), lookInside(t, addr)
	work := task.New("work", nil)
	enqueue(t, b, work)
	for key, value := range map[string]string{`a*[b]?\\:lost`: "found", `axb?\\:other`: "not found", "a*b:other": "not found"} {
		if err := client.Set(t.Context(), key, value, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := b.Examine(t.Context()); err != nil || len(found) != 1 || found[0].Kind != redis.KindLostKey {
		t.Errorf("found %+v, %v, want the lost key", found, err)
	}
}

// On a Cluster every server is looked at, and each queue where it lives.
func TestDoctorOnACluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t)
	b, err := redis.Open(cluster.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	client := goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: cluster.Addrs()})
	defer client.Close()
	var tasks []*task.Task
	for i := range 20 {
		tasks = append(tasks, task.New("work", nil))
		tasks[i].Queue = fmt.Sprint("q", i)
	}
	enqueue(t, b, tasks...)
	if found, err := b.Examine(t.Context()); err != nil || len(found) > 0 {
		t.Fatalf("Examine found %+v, %v", found, err)
	}
	for _, work := range tasks {
		if err := client.ZRem(t.Context(), "jobsy:{"+work.Queue+"}:pending", idOf(work)).Err(); err != nil {
			t.Fatal(err)
		}
		if err := client.Set(t.Context(), "jobsy:{"+work.Queue+"}:other", "x", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	found, err := b.Examine(t.Context())
	if err != nil || len(found) != 2*len(tasks) {
		t.Fatalf("Examine found %+v, %v", found, err)
	}
	b.Repair(t.Context(), found)
	if left, err := b.Examine(t.Context()); err != nil || len(left) != len(tasks) || left[0].Kind != redis.KindLostKey {
		t.Errorf("after Repair Examine found %+v, %v", left, err)
	}
}
