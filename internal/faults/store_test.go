package faults

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

// Redis is full and refuses to evict: producers are told, and what was taken is
// done.
func TestMemoryFull(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.MaxMemory("20mb", "noeviction")...)
	s := newStage(t, server.URL())
	large := func() *task.Task {
		payload, _ := json.Marshal(work{Does: strings.Repeat("nothing ", 12_500)})
		full := newTask(work{})
		full.Payload, full.Retention = payload, 0 // it makes room
		return full
	}
	taken := 0
	var err error
	for ; err == nil && taken < 1000; taken++ {
		err = s.client.Enqueue(t.Context(), large())
	}
	if !errors.Is(err, task.ErrUnavailable) {
		t.Fatalf("Enqueue to a full Redis: %v after %d tasks, want ErrUnavailable", err, taken)
	}
	s.start(nil)
	s.drain(30 * time.Second)
	if err := s.client.Enqueue(t.Context(), large()); err != nil {
		t.Errorf("Enqueue after there is room again: %v", err)
	}
	s.drain(10 * time.Second)
	t.Logf("full after %d tasks", taken-1)
	s.finish()
}

// The scripts are flushed all the time. Nobody notices.
func TestScriptsFlushed(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := newStage(t, server.URL())
	s.start(nil)
	s.start(nil)
	ctx, cancel := context.WithCancel(t.Context())
	flushed := make(chan int, 1)
	admin := server.Client(t)
	go func() {
		often := time.NewTicker(20 * time.Millisecond)
		defer often.Stop()
		n := 0
		for ; ctx.Err() == nil; n++ {
			_ = admin.ScriptFlush(ctx).Err()
			<-often.C
		}
		flushed <- n
	}()
	stop := s.produce(4, func() work { return work{Millis: 2, Fails: 1} })
	s.ended(2000, 60*time.Second)
	stop()
	cancel()
	s.drain(20 * time.Second)
	t.Logf("flushed %d times", <-flushed)
	events := s.finish()
	if n := len(again(attemptsOnly(events))); n > 0 {
		t.Errorf("P1: %d tasks ran again", n)
	}
}

// Everything is flushed in the middle: it is gone, and servers go on with what
// comes.
func TestAllFlushed(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := newStage(t, server.URL())
	s.emptied = true
	workers := []*worker{s.start(nil), s.start(nil)}
	s.enqueue(1000, work{Millis: 5})
	stop := s.produce(2, func() work { return work{Millis: 5} })
	s.each(workers, "runs under way", 20)
	flushed := time.Now()
	if err := server.Client(t).FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	s.goOn(workers, 2*time.Second)
	stop()
	s.drain(20 * time.Second)
	events := s.end()
	n := judgeForgotten(t, s, events, []time.Time{flushed}, time.Hour)
	t.Logf("%d tasks forgotten", n)
}
