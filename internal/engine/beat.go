package engine

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	// beatEvery is how often a server reports that has something to tell.
	beatEvery = 5 * time.Second
	// idleBeats is how many beats one waits that has nothing new: an idle server
	// should cost next to nothing.
	idleBeats = 3
	// arrivalsEvery is how often a server has the broker count what was enqueued
	// in queues of which there is nothing else to tell.
	arrivalsEvery = time.Minute
)

// beat tells the broker that a server lives, and what it did. It counts in
// memory, so that settling costs no call more.
type beat struct {
	monitor broker.Monitor // nil: there is none to tell
	leases  *leases
	health  *health
	names   func() (names []string, others bool) // of tasks that have handlers
	log     *slog.Logger
	self    broker.ServerInfo // what does not change

	wanted  chan struct{} // holds a value while a report is wanted at once
	stop    context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	stopping bool
	counted  time.Time // when the arrivals of all queues were
	tallies  tallies
}

// tallies count by queue and name.
type tallies map[string]map[string]*broker.Tally

func newBeat(cfg *Config, l *leases, h *health) *beat {
	b := &beat{leases: l, health: h, names: cfg.Names, log: cfg.Log, wanted: make(chan struct{}, 1)}
	b.monitor, _ = cfg.Broker.(broker.Monitor)
	b.self = broker.ServerInfo{
		Name: cfg.Name, PID: os.Getpid(), Version: version(), StartedAt: time.Now().Round(0),
		Concurrency: cfg.Concurrency, Queues: cfg.Queues,
	}
	b.self.Host, _ = os.Hostname()
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	if b.monitor != nil {
		h.beaten(nil)
		b.running.Go(func() { b.run(ctx) })
	}
	return b
}

// version is that of this module in the program.
func version() string {
	const path = "github.com/nex-gen-tech/jobsy"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	if info.Main.Path == path {
		return info.Main.Version
	}
	for _, dependency := range info.Deps {
		if dependency.Path == path {
			return dependency.Version
		}
	}
	return ""
}

// run reports until ctx ends.
func (b *beat) run(ctx context.Context) {
	var outage outage
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for idle := idleBeats; ; {
		info, news := b.take()
		idle++
		if info.Busy > 0 || len(news) > 0 || idle >= idleBeats || outage.failures > 0 {
			b.note(ctx, b.send(ctx, info, news), &outage)
			idle = 0
		}
		select {
		case <-ticker.C:
		case <-b.wanted:
			idle = idleBeats
		case <-ctx.Done():
			return
		}
	}
}

// note takes how a report went. One that the end of the server has cut off says
// nothing.
func (b *beat) note(ctx context.Context, err error, outage *outage) {
	if err != nil && ctx.Err() != nil {
		return
	}
	b.health.beaten(err)
	switch {
	case err == nil && outage.ends():
		b.log.Info("reporting to the broker again")
	case err != nil && outage.begins():
		b.log.Warn("cannot report to the broker; trying again until it works", "error", err)
	}
}

// take returns what is to be told, and begins to count anew.
func (b *beat) take() (broker.ServerInfo, tallies) {
	info := b.self
	info.Handlers, info.AnyName = b.names()
	b.look(&info)
	b.mu.Lock()
	defer b.mu.Unlock()
	info.Stopping = b.stopping
	news := b.tallies
	b.tallies = nil
	if time.Since(b.counted) >= arrivalsEvery {
		b.counted = time.Now()
		news = b.withAll(news)
	}
	return info, news
}

// look says which tasks the server holds: how many, how many of their handlers are
// overdue, and the first to be leased whose handlers have not returned.
func (b *beat) look(info *broker.ServerInfo) {
	now := time.Now()
	b.leases.which(func(h *held) bool {
		info.Busy++
		late := overdue(h, now)
		if late {
			info.Overdue++
		}
		if len(info.Running) < broker.MaxListed && !h.holder.returned() {
			info.Running = append(info.Running, broker.RunningTask{
				ID: h.lease.ID, Name: h.name, Queue: h.lease.Queue, Since: h.leased.Round(0), Overdue: late,
			})
		}
		return false
	})
}

// withAll adds the queues of the server of which there is nothing to tell.
func (b *beat) withAll(news tallies) tallies {
	if news == nil {
		news = make(tallies)
	}
	for queue := range b.self.Queues {
		if news[queue] == nil {
			news[queue] = map[string]*broker.Tally{}
		}
	}
	return news
}

// send makes one report.
func (b *beat) send(ctx context.Context, info broker.ServerInfo, news tallies) error {
	ctx, cancel := context.WithTimeout(ctx, beatEvery)
	defer cancel()
	err := b.record(ctx, news)
	if failed := b.monitor.Beat(ctx, info, beatLasts); failed != nil {
		err = failed
	}
	return err
}

// record tells the figures. Those that do not arrive are kept for the next report:
// should the broker have had them all the same, they count twice.
func (b *beat) record(ctx context.Context, news tallies) (err error) {
	for queue, names := range news {
		said := make(map[string]broker.Tally, len(names))
		for name, t := range names {
			said[name] = *t
		}
		if failed := b.monitor.Record(ctx, queue, said); failed != nil {
			b.putBack(queue, said)
			err = failed
		}
	}
	return err
}

func (b *beat) putBack(queue string, names map[string]broker.Tally) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, t := range names {
		b.tally(queue, name).Add(&t)
	}
}

// tally returns where to count, under the lock.
func (b *beat) tally(queue, name string) *broker.Tally {
	names := b.tallies[queue]
	t := names[name]
	if t != nil {
		return t
	}
	if names == nil {
		names = make(map[string]*broker.Tally)
		if b.tallies == nil {
			b.tallies = make(tallies)
		}
		b.tallies[queue] = names
	}
	named := len(names)
	if names[""] != nil {
		named--
	}
	if name != "" && named >= broker.MaxNames-1 {
		return b.tally(queue, "")
	}
	t = &broker.Tally{}
	names[name] = t
	return t
}

// count takes settlements that had their effect.
func (b *beat) count(settlements []settlement, refused []bool) {
	if b.monitor == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range settlements {
		if refused == nil || !refused[i] {
			b.countOne(&settlements[i])
		}
	}
}

func (b *beat) countOne(s *settlement) {
	status := s.outcome.Status
	if status != task.StatusCompleted && status != task.StatusFailed && status != task.StatusRetrying {
		return
	}
	t := b.tally(s.outcome.Lease.Queue, s.held.name)
	switch status {
	case task.StatusCompleted:
		t.Completed++
	case task.StatusFailed:
		t.Failed++
	default:
		t.Retried++
	}
	t.Run.Observe(s.took)
	if s.waited >= 0 {
		t.Wait.Observe(s.waited)
	}
}

// stopsLeasing has the broker know that the server takes on nothing more.
func (b *beat) stopsLeasing() {
	b.mu.Lock()
	b.stopping = true
	b.mu.Unlock()
	select {
	case b.wanted <- struct{}{}:
	default:
	}
}

// close tells the last figures and takes leave, if that takes no longer than a
// moment.
func (b *beat) close() {
	b.stop()
	b.running.Wait()
	if b.monitor == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	info, news := b.take()
	err := b.record(ctx, news)
	if left := b.monitor.Depart(ctx, info.Name); err == nil {
		err = left
	}
	if err != nil && !errors.Is(err, task.ErrClosed) {
		b.log.Warn("cannot take leave of the broker; the server counts as alive for a while", "error", err)
	}
}
