package engine

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// holder is who runs under a lease.
type holder interface {
	// end tells it why it is to stop, and reports whether that was news: it has
	// not returned, and nobody told it before.
	end(cause error) bool
	returned() bool
	reports() *reports
	overruns(now time.Time) (overrun, bool)
}

// held is a lease that is kept. What follows the lease, its holder and
// its time belongs to leases.
type held struct {
	lease  broker.Lease
	name   string // of the task
	holder holder
	leased time.Time

	expires    time.Time
	kept       bool
	doubtful   bool // may have been cancelled unheard
	prev, next *held
}

// leases keeps the leases that a server holds alive, and tells the holders of
// those that are lost. A lease that cannot be extended is given up before it runs
// out: after that, another server may run the task.
type leases struct {
	broker broker.Broker
	last   time.Duration // so long, from each extension
	log    *slog.Logger

	asked chan struct{} // holds a value while there is progress to send, or doubt

	mu   sync.Mutex
	ring held // its next is the first lease, its prev the last
	size int
	// unmet are the latest cancellations of tasks that are not here: a lease may
	// be on its way.
	unmet map[taskName]time.Time

	stop    context.CancelFunc
	running sync.WaitGroup
}

// taskName names a task.
type taskName struct {
	queue string
	id    uuid.UUID
}

func newLeases(b broker.Broker, last time.Duration, log *slog.Logger) *leases {
	ctx, stop := context.WithCancel(context.Background())
	l := &leases{
		broker: b, last: last, log: log, stop: stop,
		asked: make(chan struct{}, 1), unmet: make(map[taskName]time.Time),
	}
	l.ring.prev, l.ring.next = &l.ring, &l.ring
	l.running.Go(func() {
		l.eachBeat(ctx, func() { l.running.Go(func() { l.extendDue(ctx) }) }) // even while the last one hangs
	})
	l.running.Go(func() { l.answerAsked(ctx) })
	l.running.Go(func() { l.eachBeat(ctx, l.giveUp) }) // even while an extension hangs
	return l
}

func (l *leases) close() {
	l.stop()
	l.running.Wait()
}

func (l *leases) add(all []*held) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range all {
		h.expires = h.lease.Expires
		h.kept, h.prev, h.next = true, l.ring.prev, &l.ring
		h.prev.next, h.next.prev = h, h
		l.size++
		l.meet(h)
	}
}

// drop forgets leases.
func (l *leases) drop(all iter.Seq[*held]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for h := range all {
		l.unlink(h)
	}
}

func (l *leases) unlink(h *held) {
	if h.kept {
		h.prev.next, h.next.prev = h.next, h.prev
		h.kept = false
		l.size--
	}
}

func (l *leases) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size
}

// all yields the leases, the first to be leased first, under the lock.
func (l *leases) all(yield func(*held) bool) {
	for h := l.ring.next; h != &l.ring; {
		next := h.next
		if !yield(h) {
			return
		}
		h = next
	}
}

// which returns the leases that a function finds.
func (l *leases) which(is func(*held) bool) (found []*held) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for h := range l.all {
		if is(h) {
			found = append(found, h)
		}
	}
	return found
}

// expiry is when a lease runs out, as far as is known.
func (l *leases) expiry(h *held) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return h.expires
}

// beat is how often leases are looked at: often enough that a failed extension is
// tried again before the lease runs out.
func (l *leases) beat() time.Duration { return l.last / 6 }

func (l *leases) eachBeat(ctx context.Context, do func()) {
	ticker := time.NewTicker(l.beat())
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			do()
		case <-ctx.Done():
			return
		}
	}
}

// giveUp tells the holders of leases that run out by the next beat.
func (l *leases) giveUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := time.Now().Add(l.beat())
	for h := range l.all {
		if !h.expires.After(next) && h.holder.end(task.ErrLeaseLost) {
			l.log.Warn("lease cannot be extended; the handler is cancelled", "task", h.lease.ID, "name", h.name)
		}
	}
}

// extendDue renews the leases that have used up a third of their time. Where the
// broker is far away several calls are on their way: each may take as long as is
// left then.
func (l *leases) extendDue(ctx context.Context) {
	limit := time.Now().Add(l.last * 2 / 3)
	l.extend(ctx, l.which(func(h *held) bool { return h.expires.Before(limit) }))
}

func (l *leases) extend(ctx context.Context, all []*held) {
	for len(all) > 0 {
		n := min(len(all), broker.MaxBatch)
		l.extendBatch(ctx, all[:n])
		all = all[n:]
	}
}

func (l *leases) extendBatch(ctx context.Context, batch []*held) {
	ctx, cancel := context.WithTimeout(ctx, l.last*2/3)
	defer cancel()
	extended := make([]broker.Lease, len(batch))
	for i, h := range batch {
		extended[i] = h.lease
		extended[i].Progress = h.holder.reports().toSend()
	}
	sent := time.Now()
	errs := l.broker.Extend(ctx, extended, l.last)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, h := range batch {
		var err error
		if errs != nil {
			err = errs[i]
		}
		l.note(h, sent.Add(l.last), err)
		l.noteSent(h, extended[i].Progress, err)
	}
}

// note takes the answer for one lease, which lasts until then if it was extended.
func (l *leases) note(h *held, until time.Time, err error) {
	switch {
	case !h.kept: // settled meanwhile
	case err == nil:
		h.extended(until)
	case errors.Is(err, task.ErrCancelled):
		h.extended(until)
		h.holder.end(task.ErrCancelled)
	case errors.Is(err, task.ErrLeaseLost):
		if h.holder.end(task.ErrLeaseLost) {
			l.log.Warn("lease lost to another server; the handler is cancelled", "task", h.lease.ID, "name", h.name)
		}
	default:
		l.log.Debug("lease not extended; trying again", "task", h.lease.ID, "error", err)
	}
}

// extended notes until when the lease lasts. Answers may come out of order.
func (h *held) extended(until time.Time) {
	if until.After(h.expires) {
		h.expires = until
	}
}

// noteSent takes the answer for the progress that was sent of one holder.
func (l *leases) noteSent(h *held, sent *task.Progress, err error) {
	switch {
	case sent == nil:
	case err == nil || errors.Is(err, task.ErrCancelled) || errors.Is(err, task.ErrLeaseLost):
		h.holder.reports().sent(sent)
	default:
		l.ask() // it is sent again
	}
}

// askEvery is the least time between two calls out of turn.
const askEvery = time.Second

// ask has the broker told of progress, or asked about what is in doubt, soon.
func (l *leases) ask() {
	select {
	case l.asked <- struct{}{}:
	default:
	}
}

// answerAsked sends the latest progress of each holder, and asks about doubtful
// leases: both is done by extending.
func (l *leases) answerAsked(ctx context.Context) {
	for {
		select {
		case <-l.asked:
		case <-ctx.Done():
			return
		}
		l.extend(ctx, l.which(func(h *held) bool {
			doubtful := h.doubtful
			h.doubtful = false
			return doubtful || h.holder.reports().toSend() != nil
		}))
		sleep(ctx, askEvery)
	}
}

// unmetFor is how old a cancellation may be when its lease comes.
const unmetFor = time.Second

// cancel tells the holder of a task that is called off.
func (l *leases) cancel(queue string, id uuid.UUID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for h := range l.all {
		if h.lease.ID == id && h.lease.Queue == queue {
			h.holder.end(task.ErrCancelled)
			return
		}
	}
	now := time.Now()
	maps.DeleteFunc(l.unmet, func(_ taskName, at time.Time) bool { return now.Sub(at) > unmetFor })
	if len(l.unmet) < broker.MaxBatch { // beyond, extending tells
		l.unmet[taskName{queue, id}] = now
	}
}

// meet asks about a lease whose task was called off as it was on its way. The
// lease may be of a later run, so the broker has to say.
func (l *leases) meet(h *held) {
	if len(l.unmet) == 0 {
		return
	}
	name := taskName{h.lease.Queue, h.lease.ID}
	if _, met := l.unmet[name]; met {
		delete(l.unmet, name)
		h.doubtful = true
		l.ask()
	}
}

// doubt asks about every lease.
func (l *leases) doubt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for h := range l.all {
		h.doubtful = true
	}
	l.ask()
}

// abandon takes the leases of holders that have not returned out, and returns how
// to hand them back.
func (l *leases) abandon() (outcomes []broker.Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for h := range l.all {
		if !h.holder.returned() {
			outcomes = append(outcomes, broker.Outcome{Lease: h.lease, Status: task.StatusPending})
			l.unlink(h)
		}
	}
	return outcomes
}
