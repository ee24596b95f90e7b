package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

// rig is a Redis of a test's own, and the program beside it.
type rig struct {
	*testing.T
	server *redistest.Server // nil: it is a Cluster
	url    string
	broker *redis.Broker
	client *jobsy.Client
}

func newRig(t *testing.T) *rig {
	t.Helper()
	server := redistest.Start(t)
	return newRigAt(t, server, server.URL())
}

func newRigAt(t *testing.T, server *redistest.Server, url string) *rig {
	t.Helper()
	b, err := redis.Open(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return &rig{t, server, url, b, jobsy.NewClient(b, nil)}
}

// result is what one run of the program left.
type result struct {
	out, err string
	code     int
}

// command is the program with arguments, and this rig's broker.
func (r *rig) command(args ...string) *exec.Cmd {
	c := exec.CommandContext(r.Context(), program(r), args...)
	c.Env = []string{"JOBSY_BROKER=" + r.url, "HOME=" + r.TempDir()}
	return c
}

func (r *rig) run(args ...string) result { return r.runWith("", args...) }

func (r *rig) runWith(input string, args ...string) result {
	r.Helper()
	c := r.command(args...)
	c.Stdin = strings.NewReader(input)
	return finish(r.T, c)
}

// finish runs a command to its end.
func finish(t *testing.T, c *exec.Cmd) result {
	t.Helper()
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{out.String(), said.String(), c.ProcessState.ExitCode()}
}

// ok runs the program, which must succeed without a word on its error output.
func (r *rig) ok(args ...string) string {
	r.Helper()
	got := r.run(args...)
	if got.code != 0 || got.err != "" {
		r.Fatalf("jobsy %q exits with %d: %s%s", args, got.code, got.out, got.err)
	}
	return got.out
}

// fails runs the program, which must exit with the code and say all of that.
func (r *rig) fails(code int, say []string, args ...string) {
	r.Helper()
	got := r.run(args...)
	if got.code != code {
		r.Errorf("jobsy %q exits with %d, want %d: %s%s", args, got.code, code, got.out, got.err)
	}
	for _, want := range say {
		if !strings.Contains(got.err, want) {
			r.Errorf("jobsy %q says %q, want %q in it", args, got.err, want)
		}
	}
}

// parsed runs the program with --json, and returns its one value.
func (r *rig) parsed(args ...string) map[string]any {
	r.Helper()
	return r.value(r.ok(append(args, "--json")...))
}

func (r *rig) value(out string) map[string]any {
	r.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(out), &v); err != nil || strings.Count(out, "\n") != 1 {
		r.Fatalf("not one JSON value on one line: %q: %v", out, err)
	}
	return v
}

// enqueue enqueues n tasks.
func (r *rig) enqueue(queue, name string, n int) []*task.Task {
	r.Helper()
	tasks := make([]*task.Task, n)
	for i := range tasks {
		tasks[i] = task.New(name, fmt.Appendf(nil, `{"n":%d}`, i))
		tasks[i].Queue, tasks[i].MaxRetry, tasks[i].Retention = queue, -1, time.Hour
	}
	if err := r.client.Enqueue(r.Context(), tasks...); err != nil {
		r.Fatal(err)
	}
	return tasks
}

// work runs a server on a queue until all the tasks have ended.
func (r *rig) work(queue string, handle func(*task.Task) error, tasks ...*task.Task) {
	r.Helper()
	stop := r.serve(queue, handle)
	defer stop()
	for _, t := range tasks {
		if ended, err := r.client.Wait(r.Context(), t); ended == nil {
			r.Fatal(err)
		}
	}
}

// serve runs a server on a queue until stop is called.
func (r *rig) serve(queue string, handle func(*task.Task) error) (stop func()) {
	r.Helper()
	server := jobsy.NewServer(r.broker, &jobsy.ServerOptions{Queues: map[string]int{queue: 1}})
	server.HandleFunc("work", func(_ context.Context, t *task.Task) error { return handle(t) })
	ctx, cancel := context.WithCancel(r.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			r.Error(err)
		}
	}
}

// fail makes n tasks of a queue fail with those errors by turns.
func (r *rig) fail(queue string, n int, messages ...string) []*task.Task {
	r.Helper()
	tasks := r.enqueue(queue, "work", n)
	turn := make(map[string]string)
	for i, t := range tasks {
		turn[t.ID.String()] = messages[i%len(messages)]
	}
	r.work(queue, func(t *task.Task) error { return errors.New(turn[t.ID.String()]) }, tasks...)
	return tasks
}

// counts returns how many tasks of a queue have a status.
func (r *rig) counts(queue string) map[task.Status]int {
	r.Helper()
	counts, err := r.broker.Counts(r.Context(), queue)
	if err != nil {
		r.Fatal(err)
	}
	return counts
}

// has checks that a text has all of those.
func (r *rig) has(text string, wants ...string) {
	r.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			r.Errorf("%q is missing in:\n%s", want, text)
		}
	}
}
