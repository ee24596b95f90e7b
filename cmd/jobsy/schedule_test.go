package main

import (
	"context"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/scheduler"
	"github.com/nex-gen-tech/jobsy/task"
)

// plan has a scheduler make schedules known, until each has been seen.
func (r *rig) plan(queue string, names ...string) {
	r.Helper()
	s := scheduler.New(r.broker, nil)
	for _, name := range names {
		t := task.New("work", nil)
		t.Queue = queue
		if err := s.Every(name, time.Hour, t); err != nil {
			r.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(r.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for _, name := range names {
		for planned := false; !planned; {
			info, err := r.broker.Schedule(ctx, queue, name)
			planned = err == nil && info.Spec != ""
		}
	}
	cancel()
	if err := <-ended; err != nil {
		r.Fatal(err)
	}
}

func TestScheduleLs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.enqueue("mail", "work", 1) // makes the queues known
	r.enqueue("other", "work", 1)
	r.plan("mail", "digest", "sweep")
	r.plan("other", "report", "digest")
	r.has(r.ok("schedule", "ls"), "SCHEDULE", "digest", "sweep", "report", "in ", "open")
	if page := r.parsed("schedule", "ls", "-q", "mail"); len(page["schedules"].([]any)) != 2 || page["next"] != "" {
		t.Errorf("the page is %v", page)
	}
	seen := make(map[any]int)
	for cursor, more := "", true; more; more = cursor != "" {
		page := r.parsed("schedule", "ls", "--limit", "1", "--cursor", cursor)
		for _, one := range page["schedules"].([]any) {
			seen[one.(map[string]any)["schedule"]]++
		}
		cursor = page["next"].(string)
	}
	if seen["digest"] != 2 || seen["sweep"] != 1 || seen["report"] != 1 {
		t.Errorf("the pages have %v", seen)
	}
}

func TestScheduleChanges(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.enqueue("mail", "work", 1)
	r.enqueue("other", "work", 1)
	r.plan("mail", "digest", "sweep")
	r.plan("other", "digest")
	r.fails(2, []string{"--queue must be given", "mail", "other"}, "schedule", "pause", "digest")
	r.has(r.ok("schedule", "pause", "digest", "-q", "mail"), "schedule digest of queue mail is paused")
	r.has(r.ok("schedule", "ls", "-q", "mail"), "paused")
	if v := r.parsed("schedule", "resume", "digest", "-q", "mail"); v["paused"] != false || v["schedule"] != "digest" || v["queue"] != "mail" {
		t.Errorf("resume answers %v", v)
	}
	r.has(r.ok("schedule", "run", "sweep"), "schedule sweep of queue mail has enqueued task ")
	if n := r.counts("mail")[task.StatusPending]; n != 2 {
		t.Errorf("%d tasks are pending", n)
	}
	r.fails(1, []string{"SCHEDULE must be one that has been run", `"none"`}, "schedule", "run", "none")
	r.fails(1, []string{"--queue other"}, "schedule", "run", "sweep", "-q", "other")
}

func TestScheduleRm(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.enqueue("mail", "work", 1)
	r.plan("mail", "digest", "sweep")
	r.fails(2, []string{"--yes must be given where nobody can be asked", "forget schedule digest of queue mail"}, "schedule", "rm", "digest")
	r.has(r.ok("schedule", "ls"), "digest", "sweep")
	r.has(r.ok("schedule", "rm", "digest", "--yes"), "schedule digest of queue mail is forgotten")
	if page := r.parsed("schedule", "ls"); len(page["schedules"].([]any)) != 1 {
		t.Errorf("left are %v, want the other one", page)
	}
	if v := r.parsed("schedule", "rm", "sweep", "-q", "mail", "-y"); v["removed"] != true || v["schedule"] != "sweep" || v["queue"] != "mail" {
		t.Errorf("rm answers %v", v)
	}
	r.fails(1, []string{"SCHEDULE must be one that has been run", `"sweep"`}, "schedule", "rm", "sweep", "-y")
}
