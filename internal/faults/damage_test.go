package faults

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

var containers = []string{
	"tasks", "pending", "scheduled", "retrying", "running", "completed", "failed", "cancelled", "seq", "wake", "locks", "lapses", "schedules",
}

// A key of the wrong type stops what needs it with an error, and nothing else.
// Once it is gone everything goes on, and nothing is lost.
func TestWrongType(t *testing.T) {
	t.Parallel()
	for _, name := range containers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			s := newStage(t, server.URL())
			w := s.start(nil)
			admin := server.Client(t)
			key := "jobsy:{" + queue + "}:" + name
			if err := admin.Del(t.Context(), key).Err(); err != nil {
				t.Fatal(err)
			}
			if err := admin.RPush(t.Context(), key, "of the wrong type").Err(); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			plain, delayed := newTask(work{}), newTask(work{})
			delayed.RunAt = time.Now().Add(time.Hour)
			for _, one := range []*task.Task{plain, delayed} {
				_ = s.client.Enqueue(ctx, one) // taken or refused, but no panic and no hang
			}
			if ctx.Err() != nil {
				t.Errorf("P13: Enqueue did not end in time")
			}
			cancel()
			findings, err := s.broker.Examine(t.Context())
			if err != nil {
				t.Errorf("P13: Examine: %v", err)
			}
			found := false
			for _, f := range findings {
				found = found || f.Kind == redis.KindBadType && f.Key == key
			}
			if kind := admin.Type(t.Context(), key).Val(); !found && kind == "list" { // a sweep may have removed it
				t.Errorf("P13: Examine found %v, want the wrong type of %s", findings, key)
			}
			if err := admin.Del(t.Context(), key).Err(); err != nil {
				t.Fatal(err)
			}
			s.goOnAfter(w)
			if !w.alive() {
				t.Error("P13: the worker has ended")
			}
			s.check.Running = true // the delayed one waits
			s.finish()
		})
	}
}

// Random bytes in every container are set aside. What is sound is done.
func TestRandomBytes(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := newStage(t, server.URL())
	s.enqueue(200, work{Millis: 1})
	admin := server.Client(t)
	random := rand.New(rand.NewPCG(1, 2))
	garbage := func() string {
		b := make([]byte, 1+random.IntN(60))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return string(b)
	}
	soon := float64(time.Now().Add(-time.Minute).UnixMilli())
	_, err := admin.Pipelined(t.Context(), func(p goredis.Pipeliner) error {
		for range 50 {
			p.HSet(t.Context(), "jobsy:{default}:tasks", garbage(), garbage())
			for _, set := range []string{"pending", "completed", "failed", "cancelled", "running"} {
				p.ZAdd(t.Context(), "jobsy:{default}:"+set, goredis.Z{Score: soon, Member: garbage()})
			}
			for _, set := range []string{"scheduled", "retrying"} {
				p.ZAdd(t.Context(), "jobsy:{default}:"+set, goredis.Z{Score: soon * 256, Member: garbage()})
			}
			p.HSet(t.Context(), "jobsy:{default}:locks", garbage(), garbage())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w := s.start(nil)
	s.until("what is sound to be done", 30*time.Second, func(ctx context.Context) bool { return s.runs(w) >= 200 })
	findings, err := s.broker.Examine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // mending one may show another
		if errs := s.broker.Repair(t.Context(), findings); errs != nil {
			t.Logf("%d of %d repairs gave an error", len(errs), len(findings))
		}
		if findings, err = s.broker.Examine(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range findings {
		if f.Kind != redis.KindBadRecord { // set aside for a person to look at
			t.Errorf("P13: not repaired: %v", f)
		}
	}
	if !w.alive() {
		t.Error("P13: the worker has ended")
	}
	if err := w.stop(t, 10*time.Second); err != nil {
		t.Error(err)
	}
}

// A hundred thousand queues can be named and listed, and cost nothing but their
// tasks.
func TestManyQueues(t *testing.T) {
	t.Parallel()
	n := 100_000
	if testing.Short() || raceEnabled {
		n = 10_000
	}
	s := newStage(t, redistest.Start(t).URL())
	client := s.broker // the history of so many would take longer than they do
	batch := make([]*task.Task, 0, 1000)
	for i := range n {
		one := newTask(work{})
		one.Queue = "q" + time.Duration(i).String()
		if batch = append(batch, one); len(batch) == cap(batch) {
			if errs := client.Enqueue(t.Context(), batch); errs != nil {
				t.Fatal(errs)
			}
			batch = batch[:0]
		}
	}
	names, err := s.broker.Queues(t.Context())
	if err != nil || len(names) != n {
		t.Errorf("%d queues, %v, want %d", len(names), err, n)
	}
}
