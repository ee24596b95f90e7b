package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func TestTaskEnqueue(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	file := filepath.Join(t.TempDir(), "payload")
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	id := strings.TrimSpace(r.ok("task", "enqueue", "email", "--payload-file", file, "--queue", "mail", "--priority", "7",
		"--max-retry", "3", "--in", "1h", "--header", "tenant=x=y", "--timeout", "5s", "--retention", "1m"))
	got, err := r.client.Get(t.Context(), &task.Task{Queue: "mail", ID: uuid.MustParse(id)})
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Payload) != "from a file" || got.Priority != 7 || got.MaxRetry != 3 || got.Status != task.StatusScheduled ||
		got.Headers["tenant"] != "x=y" || got.Timeout.String() != "5s" || got.Retention.String() != "1m0s" {
		t.Errorf("the task is %+v", got)
	}
	piped := r.runWith("piped", "task", "enqueue", "email", "--payload-file", "-", "--json")
	if v := r.value(piped.out); v["payload_bytes"] != 5.0 || v["queue"] != "default" {
		t.Errorf("enqueue answers %v", v)
	}
	r.fails(1, []string{"ID must be unique in its queue", id}, "task", "enqueue", "other", "--queue", "mail", "--id", id)
	r.fails(1, []string{"--payload-file must be readable"}, "task", "enqueue", "email", "--payload-file", file+".none")
	r.fails(2, []string{"NAME must not"}, "task", "enqueue", "a\x1bb")
	r.ok("task", "enqueue", "once", "--unique", "until-ended", "--unique-key", "k")
	r.fails(1, []string{"stands already"}, "task", "enqueue", "once", "--unique", "until-ended", "--unique-key", "k")
}

func TestTaskEnqueueWait(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stop := r.serve("default", func(t *task.Task) error {
		if string(t.Payload) == "bad" {
			return fmt.Errorf("no luck")
		}
		return nil
	})
	defer stop()
	r.has(r.ok("task", "enqueue", "work", "--payload", "good", "--wait", "--max-retry", "-1"), "completed")
	r.fails(1, []string{"task failed: no luck"}, "task", "enqueue", "work", "--payload", "bad", "--max-retry", "-1", "--wait")
}

func TestTaskLs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.enqueue("mail", "work", 7)
	r.fail("sad", 2, "gone wrong")
	r.has(r.ok("task", "ls", "-q", "mail"), "pending", "work", "since")
	r.has(r.ok("task", "ls", "-q", "sad", "-s", "failed"), "failed", "gone wrong", "ended")
	seen := make(map[any]bool)
	for cursor, pages := "", 0; ; pages++ {
		args := []string{"task", "ls", "-q", "mail", "--limit", "3"}
		if cursor != "" {
			args = append(args, "--cursor", cursor)
		}
		page := r.parsed(args...)
		for _, one := range page["tasks"].([]any) {
			seen[one.(map[string]any)["id"]] = true
		}
		if cursor = page["next"].(string); cursor == "" {
			break
		}
		if pages > 9 {
			t.Fatal("the pages do not end")
		}
	}
	if len(seen) != 7 {
		t.Errorf("%d tasks were listed", len(seen))
	}
	r.has(r.ok("task", "ls", "-q", "mail", "--limit", "2"), "there are more: --cursor pending/2")
	if page := r.parsed("task", "ls", "-q", "none"); len(page["tasks"].([]any)) != 0 {
		t.Errorf("an unknown queue has %v", page)
	}
}

// A page may end where one status does.
func TestTaskLsAcrossStatuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.fail("mail", 3, "gone wrong")
	r.enqueue("mail", "work", 3)
	first := r.parsed("task", "ls", "-q", "mail", "--limit", "4")
	second := r.parsed("task", "ls", "-q", "mail", "--limit", "4", "--cursor", first["next"].(string))
	if len(first["tasks"].([]any)) != 4 || len(second["tasks"].([]any)) != 2 || second["next"] != "" {
		t.Errorf("the pages are %v and %v", first, second)
	}
}

func TestTaskShow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	failed := r.fail("mail", 1, "connection refused")[0]
	id := failed.ID.String()
	r.has(r.ok("task", "show", id), id, "failed", "connection refused", `"n": 0`, "attempt 1")
	v := r.parsed("task", "show", id, "--queue", "mail")
	if v["payload"] != `{"n":0}` || v["payload_encoding"] != "utf-8" || v["last_error"] != "connection refused" || len(v["history"].([]any)) != 1 {
		t.Errorf("the task is %v", v)
	}
	binary := strings.TrimSpace(r.runWith("\xff\x00\x1b", "task", "enqueue", "raw", "--payload-file", "-").out)
	r.has(r.ok("task", "show", binary), "hex ff001b")
	if v := r.parsed("task", "show", binary); v["payload"] != base64.StdEncoding.EncodeToString([]byte("\xff\x00\x1b")) || v["payload_encoding"] != "base64" {
		t.Errorf("the task is %v", v)
	}
	long := strings.TrimSpace(r.runWith(strings.Repeat("é", 10_000), "task", "enqueue", "long", "--payload-file", "-").out)
	r.has(r.ok("task", "show", long), "(4,096 of 20,000 bytes; --json has all)")
	none := uuid.NewString()
	r.fails(1, []string{"ID " + none, "--queue mail", "not found"}, "task", "show", none, "-q", "mail")
	r.fails(1, []string{"ID " + none, "any queue", "not found"}, "task", "show", none)
}

// What a task waits for is shown with it, and how often it was put off.
func TestTaskShowTellsWhyItWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	sent := r.enqueue("mail", "work", 1)[0]
	id := sent.ID.String()
	leases, err := r.broker.Lease(t.Context(), broker.LeaseRequest{Worker: "app-1", Queues: []string{"mail"}, Max: 1, Duration: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	off := leases[0].Task.Clone()
	off.Snoozes, off.Excused = 1, 1200
	outcome := broker.Outcome{Lease: leases[0], Status: task.StatusScheduled, Parked: true, Task: off}
	if err := errors.Join(r.broker.Settle(t.Context(), []broker.Outcome{outcome})...); err != nil {
		t.Fatal(err)
	}
	if err := r.broker.Beat(t.Context(), broker.ServerInfo{Name: "app-2", Queues: map[string]int{"mail": 1}}, time.Minute); err != nil {
		t.Fatal(err)
	}
	r.has(r.ok("task", "show", id), "snoozed     1 time\n", "excused     1,200 times\n",
		`waits       • it is parked, and waits for a server that handles tasks named "work"`, "(app-2)", "            "+
			"  → deploy a server of the queue that registers a handler for the name, or jobsy task move "+id+" --queue mail --to QUEUE")
	v := r.parsed("task", "show", id)
	if reason := v["reasons"].([]any)[0].(map[string]any); v["snoozes"] != 1.0 || v["excused"] != 1200.0 || reason["code"] != "parked" {
		t.Errorf("the task is %v", v)
	}
}

func TestTaskShowTellsOfAnOverdueHandler(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.overdue("mail").ID.String()
	for _, command := range []string{"show", "explain"} {
		out := r.ok("task", command, id)
		r.has(out, "• it is running on app-1 since", "cancelling the task changes nothing", "→ the handler has to obey its context")
		if strings.Contains(out, "jobsy task cancel") {
			t.Errorf("%s advises what does not help:\n%s", command, out)
		}
	}
	r.has(r.ok("task", "show", id), "\nruns        • it is running")
}

func TestTaskInTwoQueues(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.enqueue("mail", "work", 1)[0].ID.String()
	r.ok("task", "enqueue", "work", "--id", id)
	r.fails(2, []string{"--queue must be given", "default", "mail"}, "task", "cancel", id)
	r.ok("task", "cancel", id, "--queue", "mail")
	if r.counts("default")[task.StatusPending] != 1 || r.counts("mail")[task.StatusCancelled] != 1 {
		t.Error("the wrong one was cancelled")
	}
}

func TestTaskChanges(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := strings.TrimSpace(r.ok("task", "enqueue", "work", "--in", "1h"))
	status := func() any { return r.parsed("task", "show", id)["status"] }
	r.has(r.ok("task", "run", id), "1 task due now")
	if got := status(); got != "pending" {
		t.Errorf("after run it is %v", got)
	}
	r.fails(1, []string{id, "ID must be of a task that is completed, failed or cancelled, but it is pending"}, "task", "retry", id)
	r.has(r.ok("task", "cancel", id), "1 task cancelled")
	r.fails(1, []string{"but it is cancelled"}, "task", "run", id)
	r.has(r.ok("task", "retry", id), "1 task pending again")
	if got := status(); got != "pending" {
		t.Errorf("after retry it is %v", got)
	}
	none := uuid.NewString()
	got := r.run("task", "delete", id, none, "--json")
	if v := r.value(got.out); got.code != 1 || v["changed"] != 1.0 || v["failed"] != 1.0 {
		t.Errorf("delete exits with %d and answers %s", got.code, got.out)
	}
	r.fails(1, []string{"not found"}, "task", "show", id)
}

func TestTaskChangesOfMany(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.enqueue("mail", "work", 1200)
	r.enqueue("mail", "other", 5)
	r.fails(2, []string{"--yes must be given", "cancel 1,205 tasks: all pending tasks of queue mail"},
		"task", "cancel", "-q", "mail", "--status", "pending")
	r.has(r.ok("task", "cancel", "-q", "mail", "--status", "pending", "--name", "work", "--yes"), "1,200 tasks cancelled")
	if v := r.parsed("task", "retry", "-q", "mail", "--status", "cancelled", "--yes"); v["changed"] != 1200.0 {
		t.Errorf("retry answers %v", v)
	}
	r.has(r.ok("task", "delete", "-q", "mail", "--status", "pending", "-y"), "1,205 tasks deleted")
	if left := r.counts("mail"); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}

func TestTaskEdit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.enqueue("mail", "work", 1)[0].ID.String()
	r.has(r.ok("task", "edit", id, "--priority", "200"), "is changed")
	v := r.parsed("task", "edit", id, "--payload", "fixed")
	if v["payload"] != "fixed" || v["priority"] != 200.0 {
		t.Errorf("edit answers %v", v)
	}
	r.fails(1, []string{"not found"}, "task", "edit", uuid.NewString(), "--priority", "1")
}

func TestTaskThatRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.enqueue("mail", "work", 1)[0].ID.String()
	started, finish := make(chan struct{}), make(chan struct{})
	stop := r.serve("mail", func(*task.Task) error {
		close(started)
		<-finish
		return nil
	})
	<-started
	r.fails(1, []string{id, "but it is running"}, "task", "delete", id)
	r.fails(1, []string{id, "task is running"}, "task", "edit", id, "--priority", "9")
	r.ok("task", "cancel", id)
	close(finish)
	stop()
}

func TestTaskExplain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tasks := r.enqueue("mail", "work", 3)
	id := tasks[2].ID.String()
	r.ok("queue", "pause", "mail")
	r.has(r.ok("task", "explain", id), "work of queue mail, is pending", `queue "mail" is paused`, "→ jobsy queue resume mail",
		"2 tasks", "→ jobsy task edit "+id+" --queue mail --priority 255")
	v := r.parsed("task", "explain", id)
	reasons := v["reasons"].([]any)
	if first := reasons[0].(map[string]any); first["code"] != "paused" || v["task"].(map[string]any)["id"] != id {
		t.Errorf("the explanation is %v", v)
	}
	r.fails(1, []string{"ID ", "not found"}, "task", "explain", uuid.NewString())
}

func TestTaskMove(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tasks := r.enqueue("mail", "work", 1500)
	r.has(r.ok("task", "move", tasks[0].ID.String(), "--to", "slow"), "1 task moved")
	r.has(r.ok("task", "move", "-q", "mail", "--status", "pending", "--to", "slow", "--yes"), "1,499 tasks moved")
	if n := r.counts("slow")[task.StatusPending]; n != 1500 || len(r.counts("mail")) > 0 {
		t.Errorf("%d are in the new queue, and %v in the old", n, r.counts("mail"))
	}
}

func TestTaskFilters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.enqueue("mail", "work", 300)
	r.enqueue("mail", "other", 2)
	r.fail("sad", 9, "refused", "broken pipe", "quota reached")
	page := r.parsed("task", "ls", "-q", "mail", "--name", "other", "--limit", "7")
	if len(page["tasks"].([]any)) != 2 || page["next"] != "" {
		t.Errorf("by name there are %v", page)
	}
	page = r.parsed("task", "ls", "-q", "mail", "--text", `"n":29`, "--limit", "10") // 29 and 290 to 299
	if len(page["tasks"].([]any)) != 10 || page["next"] == "" {
		t.Errorf("by payload there are %v", page)
	}
	if rest := r.parsed("task", "ls", "-q", "mail", "--text", `"n":29`, "--cursor", page["next"].(string)); len(rest["tasks"].([]any)) != 1 {
		t.Errorf("by payload there are %v more", rest)
	}
	r.has(r.ok("task", "ls", "-q", "sad", "--error", "pipe"), "broken pipe")
	r.has(r.ok("task", "retry", "-q", "sad", "--status", "failed", "--error", "refused", "-y"), "3 tasks pending again")
	r.has(r.ok("queue", "purge", "sad", "--status", "failed", "--error", "quota", "-y"), "3 tasks deleted")
	if counts := r.counts("sad"); counts[task.StatusFailed] != 3 || counts[task.StatusPending] != 3 {
		t.Errorf("there are %v", counts)
	}
}
