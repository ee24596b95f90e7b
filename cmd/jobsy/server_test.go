package main

import (
	"strings"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func TestServerLs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if page := r.parsed("server", "ls"); len(page["servers"].([]any)) != 0 || page["next"] != "" {
		t.Errorf("there are %v", page)
	}
	tasks := r.enqueue("mail", "work", 2)
	stop := r.serve("mail", func(*task.Task) error { return nil })
	if _, err := r.client.Wait(t.Context(), tasks[0]); err != nil {
		t.Fatal(err)
	}
	r.has(r.ok("server", "ls"), "NAME", "mail:1", "running", "0/10")
	server := r.parsed("server", "ls")["servers"].([]any)[0].(map[string]any)
	if server["concurrency"] != 10.0 || server["queues"].(map[string]any)["mail"] != 1.0 || server["handlers"].([]any)[0] != "work" {
		t.Errorf("the server is %v", server)
	}
	stop()
	if page := r.parsed("server", "ls"); len(page["servers"].([]any)) != 0 {
		t.Errorf("a server that has ended is listed: %v", page)
	}
}

// overdue has the first task of a queue run on a server whose handler is overdue.
func (r *rig) overdue(queue string) *task.Task {
	r.Helper()
	sent := r.enqueue(queue, "work", 1)[0]
	_, err := r.broker.Lease(r.Context(), broker.LeaseRequest{Worker: "app-1", Queues: []string{queue}, Max: 1, Duration: time.Minute})
	if err != nil {
		r.Fatal(err)
	}
	server := broker.ServerInfo{
		Name: "app-1", Queues: map[string]int{queue: 1}, Concurrency: 10, Handlers: []string{"work"}, Busy: 1, Overdue: 1,
		Running: []broker.RunningTask{{ID: sent.ID, Name: "work", Queue: queue, Since: time.Now().Add(-time.Minute), Overdue: true}},
	}
	if err := r.broker.Beat(r.Context(), server, time.Minute); err != nil {
		r.Fatal(err)
	}
	return sent
}

func TestServerLsTellsOfOverdueHandlers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.overdue("mail")
	row := strings.Fields(strings.Split(r.ok("server", "ls"), "\n")[1])
	r.has(strings.Join(row, " "), "running 1/10 1", "work 1m", "(overdue)")
	server := r.parsed("server", "ls")["servers"].([]any)[0].(map[string]any)
	if server["overdue"] != 1.0 || server["running"].([]any)[0].(map[string]any)["overdue"] != true {
		t.Errorf("the server is %v", server)
	}
}
