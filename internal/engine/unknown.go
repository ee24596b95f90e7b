package engine

import (
	"log/slog"
	"sync"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// unknown parks tasks whose name no handler knows: another server may know it, or
// this one after its next deployment. It costs no retry.
type unknown struct {
	log    *slog.Logger
	logged sync.Map // names, to log each once
}

func newUnknown(log *slog.Logger) *unknown { return &unknown{log: log} }

func (u *unknown) outcome(l *broker.Lease) broker.Outcome {
	if _, before := u.logged.LoadOrStore(l.Task.Name, true); !before {
		u.log.Warn("no handler for a task of this name; it waits for a server that has one",
			"name", l.Task.Name, "queue", l.Queue, "task", l.ID)
	}
	return broker.Outcome{Lease: *l, Status: task.StatusScheduled, Parked: true}
}
