package jobsy

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
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
	// beatLasts is how long a server counts as alive after a report.
	beatLasts = 3 * idleBeats * beatEvery
)

// reporter tells the broker that a server lives, and what it did. It counts in
// memory, so that settling costs no call more.
type reporter struct {
	server  *Server
	monitor broker.Monitor // nil: there is none to tell
	keeper  *keeper
	log     *slog.Logger
	self    broker.ServerInfo // what does not change

	hurry   chan struct{} // holds a value while a report is wanted at once
	stop    context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	stopping bool
	counted  time.Time                           // when the arrivals of all queues were
	tallies  map[string]map[string]*broker.Tally // by queue and name
}

func newReporter(s *Server, k *keeper) *reporter {
	r := &reporter{server: s, keeper: k, log: s.log, hurry: make(chan struct{}, 1)}
	r.monitor, _ = s.broker.(broker.Monitor)
	r.self = broker.ServerInfo{
		Name: s.opts.Name, PID: os.Getpid(), Version: version(), StartedAt: time.Now().Round(0),
		Concurrency: s.opts.Concurrency, Queues: s.opts.Queues,
	}
	r.self.Host, _ = os.Hostname()
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	if r.monitor != nil {
		s.health.beaten(nil)
		r.running.Go(func() { r.run(ctx) })
	}
	return r
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
func (r *reporter) run(ctx context.Context) {
	var outage outage
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for idle := idleBeats; ; {
		info, tallies := r.take()
		idle++
		if info.Busy > 0 || len(tallies) > 0 || idle >= idleBeats || outage.failures > 0 {
			r.note(r.send(ctx, info, tallies), &outage)
			idle = 0
		}
		select {
		case <-ticker.C:
		case <-r.hurry:
			idle = idleBeats
		case <-ctx.Done():
			return
		}
	}
}

// note takes how a report went.
func (r *reporter) note(err error, outage *outage) {
	r.server.health.beaten(err)
	switch {
	case err == nil && outage.ends():
		r.log.Info("reporting to the broker again")
	case err != nil && outage.begins():
		r.log.Warn("cannot report to the broker; trying again until it works", "error", err)
	}
}

// take returns what is to be told, and begins to count anew.
func (r *reporter) take() (broker.ServerInfo, map[string]map[string]*broker.Tally) {
	info := r.self
	info.Handlers, info.AnyName = r.server.handled()
	info.Running, info.Busy = r.keeper.list(broker.MaxListed)
	r.mu.Lock()
	defer r.mu.Unlock()
	info.Stopping = r.stopping
	tallies := r.tallies
	r.tallies = nil
	if time.Since(r.counted) >= arrivalsEvery {
		r.counted = time.Now()
		tallies = r.withAll(tallies)
	}
	return info, tallies
}

// withAll adds the queues of the server of which there is nothing to tell.
func (r *reporter) withAll(tallies map[string]map[string]*broker.Tally) map[string]map[string]*broker.Tally {
	if tallies == nil {
		tallies = make(map[string]map[string]*broker.Tally)
	}
	for queue := range r.server.opts.Queues {
		if tallies[queue] == nil {
			tallies[queue] = map[string]*broker.Tally{}
		}
	}
	return tallies
}

// send makes one report.
func (r *reporter) send(ctx context.Context, info broker.ServerInfo, tallies map[string]map[string]*broker.Tally) error {
	ctx, cancel := context.WithTimeout(ctx, beatEvery)
	defer cancel()
	err := r.record(ctx, tallies)
	if failed := r.monitor.Beat(ctx, info, beatLasts); failed != nil {
		err = failed
	}
	return err
}

// record tells the figures. Those that do not arrive are kept for the next report:
// should the broker have had them all the same, they count twice.
func (r *reporter) record(ctx context.Context, tallies map[string]map[string]*broker.Tally) (err error) {
	for queue, names := range tallies {
		said := make(map[string]broker.Tally, len(names))
		for name, t := range names {
			said[name] = *t
		}
		if failed := r.monitor.Record(ctx, queue, said); failed != nil {
			r.putBack(queue, said)
			err = failed
		}
	}
	return err
}

func (r *reporter) putBack(queue string, names map[string]broker.Tally) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, t := range names {
		r.tally(queue, name).Add(&t)
	}
}

// tally returns where to count, under the lock.
func (r *reporter) tally(queue, name string) *broker.Tally {
	names := r.tallies[queue]
	t := names[name]
	if t != nil {
		return t
	}
	if names == nil {
		names = make(map[string]*broker.Tally)
		if r.tallies == nil {
			r.tallies = make(map[string]map[string]*broker.Tally)
		}
		r.tallies[queue] = names
	}
	named := len(names)
	if names[""] != nil {
		named--
	}
	if name != "" && named >= broker.MaxNames-1 {
		return r.tally(queue, "")
	}
	t = &broker.Tally{}
	names[name] = t
	return t
}

// count takes settlements that had their effect.
func (r *reporter) count(settlements []settlement, refused []bool) {
	if r.monitor == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range settlements {
		if refused != nil && refused[i] {
			continue
		}
		r.countOne(settlements[i].attempt, settlements[i].outcome.Status)
	}
}

func (r *reporter) countOne(a *attempt, status task.Status) {
	if status != task.StatusCompleted && status != task.StatusFailed && status != task.StatusRetrying {
		return
	}
	t := r.tally(a.lease.Queue, a.task.Name)
	switch status {
	case task.StatusCompleted:
		t.Completed++
	case task.StatusFailed:
		t.Failed++
	default:
		t.Retried++
	}
	t.Run.Observe(a.took)
	if a.waited >= 0 {
		t.Wait.Observe(a.waited)
	}
}

// stopsFetching has the broker know that the server takes on nothing more.
func (r *reporter) stopsFetching() {
	r.mu.Lock()
	r.stopping = true
	r.mu.Unlock()
	select {
	case r.hurry <- struct{}{}:
	default:
	}
}

// close tells the last figures and takes leave, if that takes no longer than a
// moment.
func (r *reporter) close() {
	r.stop()
	r.running.Wait()
	if r.monitor == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	info, tallies := r.take()
	err := r.record(ctx, tallies)
	if left := r.monitor.Depart(ctx, info.Name); err == nil {
		err = left
	}
	if err != nil && !errors.Is(err, task.ErrClosed) {
		r.log.Warn("cannot take leave of the broker; the server counts as alive for a while", "error", err)
	}
}

// list returns the first tasks to be leased whose handlers have not returned, at
// most so many, and how many tasks are held in all.
func (k *keeper) list(most int) (running []broker.RunningTask, held int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for a := range k.all {
		if len(running) == most {
			break
		}
		if !a.returned.Load() {
			running = append(running, broker.RunningTask{ID: a.lease.ID, Name: a.name, Queue: a.lease.Queue, Since: a.leased.Round(0)})
		}
	}
	return running, k.size
}

// handled returns the names that have handlers, sorted, and whether there are
// others.
func (s *Server) handled() (names []string, others bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for name := range s.handlers {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, s.anyName
}
