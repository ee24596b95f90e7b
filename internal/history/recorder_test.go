package history_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/internal/history"
	"github.com/nex-gen-tech/jobsy/task"
)

func TestSeveralRecordersShareAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "history")
	var work sync.WaitGroup
	for p := range 4 {
		r, err := history.Open(path, "process "+strconv.Itoa(p))
		if err != nil {
			t.Fatal(err)
		}
		work.Go(func() {
			for range 200 {
				r.Record(enqueue(1), enqueue(0))
			}
			if err := r.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	work.Wait()
	events, err := history.Read(path, path)
	if err != nil || len(events) != 2*4*200*2 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	calls := make(map[string]map[int]int)
	for i, e := range events {
		if i > 0 && e.End.Before(events[i-1].End) {
			t.Fatal("the events are not in order")
		}
		if calls[e.Process] == nil {
			calls[e.Process] = make(map[int]int)
		}
		calls[e.Process][e.Call]++
	}
	if len(calls) != 4 || len(calls["process 1"]) != 200 || calls["process 1"][7] != 4 {
		t.Errorf("%d processes, %d calls of one", len(calls), len(calls["process 1"]))
	}
}

func TestALineThatWasNotWrittenToItsEnd(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := history.New(&out, "p")
	r.Record(run(1, 7))
	events, err := history.Decode(strings.NewReader(out.String() + `{"type":"ta`))
	if err != nil || len(events) != 1 || events[0].Token != 7 || events[0].Process != "p" {
		t.Errorf("%+v, %v", events, err)
	}
	if _, err := history.Decode(strings.NewReader(out.String() + "{\n")); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a malformed line: %v", err)
	}
	if _, err := history.Read(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := history.Open(t.TempDir(), "p"); err == nil {
		t.Error("a folder is opened")
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }

func TestCloseTellsOfALineThatWasLost(t *testing.T) {
	t.Parallel()
	r := history.New(brokenWriter{}, "p")
	r.Record(run(1, 7))
	if err := r.Close(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Close: %v", err)
	}
}

// A client and a server on a wrapped broker have their history recorded, and it
// shows nothing wrong.
func TestTheHistoryOfAServer(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := history.New(&out, "p")
	b := history.Wrap(memory.New(nil), r)
	defer b.Close()
	server := jobsy.NewServer(b, &jobsy.ServerOptions{Concurrency: 4, Backoff: func(int) time.Duration { return time.Millisecond }})
	done := make(chan struct{}, 100)
	server.HandleFunc("work", func(_ context.Context, t *task.Task) (err error) {
		end := r.Run(t)
		defer func() { end(err) }()
		if t.Attempt == 1 && t.Priority == task.HighPriority {
			return errors.New("the first attempt fails")
		}
		done <- struct{}{}
		return nil
	})
	var tasks []*task.Task
	for i := range 50 {
		tasks = append(tasks, task.New("work", nil))
		if i%5 == 0 {
			tasks[i].Priority = task.HighPriority
		}
	}
	if err := server.Client().Enqueue(t.Context(), tasks...); err != nil {
		t.Fatal(err)
	}
	if err := server.Client().Enqueue(t.Context(), tasks[0]); !errors.Is(err, task.ErrDuplicate) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	for range tasks {
		<-done
	}
	cancel()
	<-ended
	tick := broker.Tick{Schedule: "s", At: time.UnixMilli(1), Task: task.New("tick", nil)}
	for range 2 {
		if _, err := b.Tick(t.Context(), tick); err != nil {
			t.Fatal(err)
		}
	}
	if errs := b.Revise(t.Context(), "default", []uuid.UUID{tick.Task.ID}, broker.Change{Delete: true}); errs != nil {
		t.Fatal(errs)
	}
	events, err := history.Decode(&out)
	if err != nil || r.Close() != nil {
		t.Fatal(err, r.Close())
	}
	count := make(map[history.Type]int)
	for _, e := range events {
		count[e.Type]++
		if e.Type == history.TypeEnqueue && e.Answer != history.Accepted {
			t.Errorf("the answer of %s is %s, want it accepted: what stands had been taken", e.ID, e.Answer)
		}
	}
	for kind, want := range map[history.Type]int{
		history.TypeEnqueue: 51, history.TypeLease: 60, history.TypeStart: 60, history.TypeEnd: 60,
		history.TypeTick: 2, history.TypeRevise: 1,
	} {
		if count[kind] != want {
			t.Errorf("%d events of type %s, want %d", count[kind], kind, want)
		}
	}
	for _, v := range history.Check(events, &history.Options{Concurrency: 4}) {
		t.Error(v)
	}
	if found := history.Check(events[:60], nil); len(found) == 0 {
		t.Error("nothing is lost in half a history")
	}
}
