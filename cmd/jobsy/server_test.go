package main

import (
	"testing"

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
