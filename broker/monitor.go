package broker

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/task"
)

// Monitor is what a broker offers to those who watch over a fleet: which servers
// live, how much they did and how fast, and why a task does not run. It is
// optional; both of Jobsy's brokers implement it. Every method may be called
// concurrently, does a bounded amount of work, and adds nothing to what Enqueue,
// Lease and Settle do, but for one counter that Enqueue raises once a batch.
type Monitor interface {
	// Beat tells that a server lives and what it does. It counts as alive for
	// lasts from now, by the broker's clock, or until the next Beat of its
	// Name, which replaces what this one said. Host, PID and so on are kept as
	// they are, but for what exceeds MaxListed: see ServerInfo.
	Beat(ctx context.Context, server ServerInfo, lasts time.Duration) error
	// Depart forgets a server that has ended. An unknown one is no error.
	Depart(ctx context.Context, name string) error
	// Servers returns about limit servers that are alive, 1 to MaxBatch, in no
	// order. Cursor is "" for the first page and what the last page returned
	// for the next; "" comes back with the last page, and a page may be empty.
	// A server that is alive throughout is on a page at least once; one that
	// comes or goes meanwhile may be missed.
	Servers(ctx context.Context, cursor string, limit int) (servers []ServerInfo, next string, err error)

	// Record adds up what one server did in a queue since it last said so, a
	// Tally for each name of tasks, at the time at which it arrives by the
	// broker's clock. A broker that repeats a call of its own by itself, after
	// a lost reply, must not count twice.
	//
	// It counts at that time, too, how many tasks were enqueued since the last
	// Record for that queue, by whomever, so it is worth a call with no
	// tallies.
	Record(ctx context.Context, queue string, tallies map[string]Tally) error
	// Figures returns what all servers recorded in a queue between two times.
	// They come by the minute if from is no more than two hours ago, else by
	// ten minutes, and what is older than a day is gone: see FiguresSpan. What
	// was enqueued since the last Record belongs to the time of the call.
	Figures(ctx context.Context, queue string, from, to time.Time) (Figures, error)
	// FiguresByName returns what was recorded in the same periods as those of
	// Figures by the names of tasks; "": of too many others.
	FiguresByName(ctx context.Context, queue string, from, to time.Time) (map[string]*Tally, error)

	// Standing returns where one task stands, and what it waits for, or
	// task.ErrNotFound. It may be composed of several looks.
	Standing(ctx context.Context, queue string, id uuid.UUID) (Standing, error)
}

const (
	// MaxListed is the most running tasks, and the most names of handlers,
	// that are kept of one server.
	MaxListed = 1000
	// MaxNames is the most names of tasks that one Record may carry. What has
	// other names goes under "".
	MaxNames = 100
	// MaxNamesKept is how many names of tasks a broker keeps apart in the
	// figures of one period. What has other names goes under "".
	MaxNamesKept = 200
	// MaxAhead is how many tasks a broker may count that go before another, if
	// counting takes longer the more there are.
	MaxAhead = 100_000
)

// ServerInfo is what a server says of itself.
type ServerInfo struct {
	Name        string         `json:"name"` // unique among all live servers
	Host        string         `json:"host"`
	PID         int            `json:"pid"`
	Version     string         `json:"version"`     // of this module in the program; "": unknown
	StartedAt   time.Time      `json:"started_at"`  // by the server's clock
	Concurrency int            `json:"concurrency"` // the most handlers at once
	Queues      map[string]int `json:"queues"`      // name: weight
	// Handlers are the names that it handles, sorted, at most MaxListed of
	// them. AnyName tells that these are not all.
	Handlers []string `json:"handlers"`
	AnyName  bool     `json:"any_name,omitempty"`
	// Busy is how many tasks it holds, Running the first of them to start, at
	// most MaxListed.
	Busy    int           `json:"busy"`
	Running []RunningTask `json:"running"`
	// Overdue is how many of its handlers go on although their contexts ended ten
	// seconds ago and more: nothing can end them.
	Overdue int `json:"overdue,omitempty"`
	// Stopping tells that it takes on nothing more.
	Stopping bool `json:"stopping,omitempty"`
	// SeenAt and Expires are by the broker's clock: when it was last heard of,
	// and when it counts as gone unless it is heard of again. Beat ignores
	// them.
	SeenAt  time.Time `json:"-"`
	Expires time.Time `json:"-"`
}

// RunningTask is one that a server holds.
type RunningTask struct {
	ID    uuid.UUID `json:"id"`
	Name  string    `json:"name"`
	Queue string    `json:"queue"`
	Since time.Time `json:"since"` // when it was leased, by the server's clock
	// Overdue tells that its handler should have returned long ago.
	Overdue bool `json:"overdue,omitempty"`
}

// Handles reports whether the server runs tasks of that name, or may.
func (s *ServerInfo) Handles(name string) bool {
	return s.AnyName || slices.Contains(s.Handlers, name)
}

// Cut bounds what grows with the program: it leaves MaxListed handlers and
// running tasks, and returns copies that share nothing with the original.
func (s ServerInfo) Cut() ServerInfo {
	if len(s.Handlers) > MaxListed {
		s.AnyName = true
	}
	s.Handlers = slices.Clone(s.Handlers[:min(len(s.Handlers), MaxListed)])
	s.Running = slices.Clone(s.Running[:min(len(s.Running), MaxListed)])
	s.Queues = maps.Clone(s.Queues)
	return s
}

// Tally is how many attempts ended in which way, and how long they took.
type Tally struct {
	Completed int64
	Failed    int64 // ended as failed
	Retried   int64 // failed, and run again
	// Wait is the time from when a task was due, by its RunAt or EnqueuedAt,
	// whichever is later, until it started: of those whose record can tell, not
	// of tasks that a worker lost, that were run anew, or that waited for others
	// of their kind. EnqueuedAt is by the clock of the producer. Run is how long the handler took, of each attempt that
	// ended as one of the three.
	Wait, Run Histogram
}

// Add adds another tally.
func (t *Tally) Add(other *Tally) {
	t.Completed += other.Completed
	t.Failed += other.Failed
	t.Retried += other.Retried
	t.Wait.Add(&other.Wait)
	t.Run.Add(&other.Run)
}

// Figures are what the servers of a queue did in a time, whatever the names.
type Figures struct {
	Now  time.Time     // by the broker's clock
	Step time.Duration // how long each period is
	// Enqueued is how many tasks the queue took: also those that took the place
	// of others or were gathered, and the ticks of schedules; not those that it
	// had already.
	Enqueued int64
	Total    Tally
	Periods  []Period // those in which there was anything, in order
}

// Period is what was recorded in one of them.
type Period struct {
	At       time.Time // when it began
	Enqueued int64     // as of Figures
	Tally
}

// Standing is where a task stands.
type Standing struct {
	Task *task.Task // as Inspector.Task returns it
	Now  time.Time  // by the broker's clock
	// Ahead is how many pending tasks go before this one, if it is pending. It
	// may stop at MaxAhead.
	Ahead int
	// Expires is when the lease of a running task runs out, Deliveries how
	// often it was handed out, and Token that of the lease. A broker that would
	// have to look at too many leases leaves them zero.
	Expires    time.Time
	Deliveries int
	Token      int64
	// Parked tells that no worker that leased it has a handler for its name: it
	// waits for one that has. See Outcome.Parked.
	Parked bool
	// Behind is the task that has to end before this one may be due, of those
	// that are Latest. Zero: there is none.
	Behind uuid.UUID
}
