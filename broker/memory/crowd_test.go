package memory_test

import (
	"testing"

	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// Those who enqueue let others go first only where many tasks wait and are worked
// off quickly in this process.
func TestCrowded(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	crowded := func(when string, want bool) {
		t.Helper()
		if got := r.Crowded(task.DefaultQueue); got != want {
			t.Errorf("%s: crowded is %t, want %t", when, got, want)
		}
	}
	crowded("before there is a queue", false)
	for range memory.Crowd / 100 {
		r.enqueue(labelled(make([]string, 100)...)...)
	}
	r.enqueue(labelled(make([]string, 200)...)...)
	crowded("nobody leases", false)
	r.lease(100)
	crowded("many were leased at once", true)
	r.lease(1)
	crowded("a slot became free", false)
	r.lease(100)
	crowded("few wait", false)
}
