package main

import (
	"fmt"
	"testing"

	"github.com/nex-gen-tech/jobsy/task"
)

func TestQueueLs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i := range 5 {
		r.enqueue(fmt.Sprintf("q%d", i), "work", i+1)
	}
	r.has(r.ok("queue", "ls"), "PENDING", "q0", "q4", "open")
	r.has(r.ok("queue", "ls", "--limit", "2"), "2 of 5 queues; for more: --after q1")
	page := r.parsed("queue", "ls", "--limit", "3", "--after", "q1")
	queues := page["queues"].([]any)
	if len(queues) != 3 || page["next"] != "" || page["total"] != 5.0 {
		t.Fatalf("the page is %v", page)
	}
	first := queues[0].(map[string]any)
	if first["queue"] != "q2" || first["counts"].(map[string]any)["pending"] != 3.0 {
		t.Errorf("the first queue is %v", first)
	}
}

func TestQueuePauseAndResume(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.enqueue("mail", "work", 1)
	r.has(r.ok("queue", "pause", "mail"), "queue mail is paused")
	r.has(r.ok("queue", "ls"), "paused")
	if v := r.parsed("queue", "resume", "mail"); v["queue"] != "mail" || v["paused"] != false {
		t.Errorf("resume answers %v", v)
	}
	if info, err := r.broker.Queue(t.Context(), "mail"); err != nil || info.Paused {
		t.Errorf("the queue is %v, %v", info, err)
	}
}

func TestQueuePurge(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.enqueue("mail", "work", 2500)
	r.enqueue("mail", "other", 10)
	r.fails(2, []string{"--yes must be given where nobody can be asked", "2,510 tasks"}, "queue", "purge", "mail")
	if n := r.counts("mail")[task.StatusPending]; n != 2510 {
		t.Fatalf("%d are left", n)
	}
	r.has(r.ok("queue", "purge", "mail", "--name", "other", "--yes"), "10 tasks deleted")
	if v := r.parsed("queue", "purge", "mail", "--status", "pending", "-y"); v["changed"] != 2500.0 || v["failed"] != 0.0 {
		t.Errorf("purge answers %v", v)
	}
	if left := r.counts("mail"); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
	r.has(r.ok("queue", "purge", "mail"), "0 tasks deleted") // nothing to ask about
}

func TestStats(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.work("mail", func(*task.Task) error { return nil }, r.enqueue("mail", "work", 20)...)
	r.enqueue("other", "work", 3)
	r.has(r.ok("stats"), "ENQUEUED A MIN", "ENDED A MIN", "mail", "█", "2 queues, at")
	v := r.parsed("stats")
	queues := v["queues"].([]any)
	mail := queues[0].(map[string]any)
	if len(queues) != 2 || mail["completed"] != 20.0 || mail["enqueued"] != 20.0 || mail["run"].(map[string]any)["p95_ms"].(float64) <= 0 {
		t.Errorf("the figures are %v", v)
	}
	if v["counts"].(map[string]any)["pending"] != 3.0 {
		t.Errorf("the counts are %v", v["counts"])
	}
	r.has(r.ok("stats", "--limit", "1"), "1 queue; for more: --after mail")
}

// A queue that cannot be looked at does not hide the others.
func TestBadQueue(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.enqueue("mail", "work", 3)
	client := r.server.Client(t)
	for queue, key := range map[string]string{"bad": "jobsy:{bad}:pending", "{worse}": "jobsy:x"} {
		if err := client.SAdd(t.Context(), "jobsy:queues", queue).Err(); err != nil {
			t.Fatal(err)
		}
		if err := client.Set(t.Context(), key, "no set", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"queue", "ls"}, {"stats"}} {
		r.has(r.ok(args...), "mail", "WRONGTYPE", "must not contain braces")
	}
}
