package main

import (
	"testing"

	"github.com/nex-gen-tech/jobsy/internal/redistest"
)

func TestCluster(t *testing.T) {
	t.Parallel()
	r := newRigAt(t, nil, redistest.StartCluster(t).URL())
	for _, queue := range []string{"a", "b", "c"} { // on several shards
		r.enqueue(queue, "work", 3)
	}
	r.has(r.ok("queue", "ls"), "a ", "b ", "c ")
	r.has(r.ok("bench", "--tasks", "1000"), "process")
	r.has(r.ok("stats"), "4 queues")
	r.has(r.ok("queue", "purge", "b", "--yes"), "3 tasks deleted")
	r.has(r.ok("doctor"), "nothing is broken")
}
