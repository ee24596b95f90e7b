package engine

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// Handler runs a task.
type Handler = func(ctx context.Context, t *task.Task) error

// grace is how long cancelled handlers may take to return.
const grace = time.Second

// Config is what an engine is told. All of it is required but for the functions
// that say otherwise.
type Config struct {
	Broker          broker.Broker
	Name            string // New adds what makes it unique
	Concurrency     int
	Queues          map[string]int // name: weight
	LeaseDuration   time.Duration
	ShutdownTimeout time.Duration
	Policy          Policy
	Log             *slog.Logger

	// Find returns the handler of a task.
	Find func(*task.Task) (Handler, bool)
	// Handles reports whether Find would, for a task of that name.
	Handles func(name string) bool
	// Names returns the names of tasks that have handlers, and whether there are
	// others.
	Names func() (names []string, others bool)
	// OnFailed is told of tasks that have ended as failed. Nil: nobody is.
	OnFailed func(ctx context.Context, t *task.Task, err error)
	// Ended is told of tasks that have ended, before anybody else is. It must be
	// quick. Nil: nobody is.
	Ended func(*task.Task)
}

// queues returns the names of the queues, sorted.
func (c *Config) queues() []string { return slices.Sorted(maps.Keys(c.Queues)) }
