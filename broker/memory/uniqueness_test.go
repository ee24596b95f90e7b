package memory_test

import (
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// A group that is large enough runs at once, however few its members are.
func TestGroupIsFullInBytes(t *testing.T) {
	t.Parallel()
	r := newRig(t, &memory.Options{})
	var tasks []*task.Task
	for range 2 {
		large := task.New("large", make([]byte, broker.MaxGatherBytes/2))
		large.Gather = task.Gather{Key: "k", Delay: time.Hour}
		tasks = append(tasks, large)
	}
	r.enqueue(tasks...)
	leases := r.lease(1)
	if len(leases) != 1 || len(leases[0].Task.Members) != 1 {
		t.Fatalf("leased %d tasks, want the group of two", len(leases))
	}
	r.settle(task.StatusCompleted, leases...)
}
