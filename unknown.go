package jobsy

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// A task whose name no handler knows waits, for another server may know it, or
// this one after its next deployment: at first a second, then as long as half
// its age, at most a minute. It costs no retry.
const (
	unknownFirst = time.Second
	unknownLast  = time.Minute
)

// unknownNames remembers which names were logged, to log each once.
type unknownNames struct{ logged sync.Map }

func (a *attempt) unknown() *broker.Outcome {
	if _, before := a.pool.unknown.logged.LoadOrStore(a.task.Name, true); !before {
		a.pool.server.log.Warn("no handler for a task of this name; it waits for a server that has one",
			"name", a.task.Name, "queue", a.task.Queue, "task", a.task.ID)
	}
	age := a.task.StartedAt.Sub(a.task.EnqueuedAt)
	delay := min(max(age/2, unknownFirst), unknownLast)
	o := a.outcome(task.StatusScheduled)
	o.Delay = delay - time.Duration(rand.Float64()*float64(delay)/4)
	return &o
}
