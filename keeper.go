package jobsy

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// keeper keeps the leases of running attempts alive, and cancels those that are
// lost. A lease that cannot be extended is given up before it runs out: after
// that, another server may run the task.
type keeper struct {
	broker broker.Broker
	lasts  time.Duration
	log    *slog.Logger

	reports chan struct{} // holds a value while there is something to report, or to ask

	mu   sync.Mutex
	ring attempt // its next is the first attempt, its prev the last
	size int
	// unknown are the latest cancellations of tasks that are not here: a lease
	// may be on its way.
	unknown map[cancellation]time.Time

	stop    context.CancelFunc
	running sync.WaitGroup
}

func newKeeper(b broker.Broker, lasts time.Duration, log *slog.Logger) *keeper {
	ctx, stop := context.WithCancel(context.Background())
	k := &keeper{broker: b, lasts: lasts, log: log, stop: stop, reports: make(chan struct{}, 1), unknown: make(map[cancellation]time.Time)}
	k.ring.prev, k.ring.next = &k.ring, &k.ring
	k.running.Go(func() {
		k.each(ctx, func(ctx context.Context) { k.running.Go(func() { k.extend(ctx) }) }) // even while the last one hangs
	})
	k.running.Go(func() { k.sendReports(ctx) })
	k.running.Go(func() { k.each(ctx, k.expire) }) // even while an extension hangs
	return k
}

func (k *keeper) close() {
	k.stop()
	k.running.Wait()
}

func (k *keeper) add(attempts []*attempt) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, a := range attempts {
		a.kept, a.prev, a.next = true, k.ring.prev, &k.ring
		a.prev.next, a.next.prev = a, a
		k.size++
		k.meet(a)
	}
}

func (k *keeper) remove(settlements []settlement) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range settlements {
		k.unlink(settlements[i].attempt)
	}
}

func (k *keeper) unlink(a *attempt) {
	if a.kept {
		a.prev.next, a.next.prev = a.next, a.prev
		a.kept = false
		k.size--
	}
}

func (k *keeper) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.size
}

// all yields the attempts, under the lock.
func (k *keeper) all(yield func(*attempt) bool) {
	for a := k.ring.next; a != &k.ring; {
		next := a.next
		if !yield(a) {
			return
		}
		a = next
	}
}

// beat is how often the keeper looks: often enough that a failed extension is
// tried again before the lease runs out.
func (k *keeper) beat() time.Duration { return k.lasts / 6 }

// each calls do every beat.
func (k *keeper) each(ctx context.Context, do func(context.Context)) {
	ticker := time.NewTicker(k.beat())
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			do(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// expire cancels the handlers of leases that run out by the next beat.
func (k *keeper) expire(context.Context) {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := time.Now().Add(k.beat())
	for a := range k.all {
		if !a.expires.After(next) && a.ctx.end(task.ErrLeaseLost) {
			k.log.Warn("lease cannot be extended; the handler is cancelled", "task", a.lease.ID, "name", a.task.Name)
		}
	}
}

// extend renews the leases that have used up a third of their time. Where the
// broker is far away several calls are on their way: each may take as long as is
// left then.
func (k *keeper) extend(ctx context.Context) {
	for attempts := k.due(); len(attempts) > 0; {
		n := min(len(attempts), broker.MaxBatch)
		k.extendBatch(ctx, attempts[:n])
		attempts = attempts[n:]
	}
}

func (k *keeper) due() []*attempt {
	k.mu.Lock()
	defer k.mu.Unlock()
	limit := time.Now().Add(k.lasts * 2 / 3)
	var due []*attempt
	for a := range k.all {
		if a.expires.Before(limit) {
			due = append(due, a)
		}
	}
	return due
}

func (k *keeper) extendBatch(ctx context.Context, attempts []*attempt) {
	ctx, cancel := context.WithTimeout(ctx, k.lasts*2/3)
	defer cancel()
	leases := make([]broker.Lease, len(attempts))
	for i, a := range attempts {
		leases[i] = a.lease
		leases[i].Progress = a.ctx.unsent()
	}
	sent := time.Now()
	errs := k.broker.Extend(ctx, leases, k.lasts)
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, a := range attempts {
		var err error
		if errs != nil {
			err = errs[i]
		}
		k.note(a, sent, err)
		k.noteReport(a, leases[i].Progress, err)
	}
}

// note takes the answer for one attempt.
func (k *keeper) note(a *attempt, sent time.Time, err error) {
	switch {
	case !a.kept: // settled meanwhile
	case err == nil:
		a.extended(sent.Add(k.lasts))
	case errors.Is(err, task.ErrCancelled):
		a.extended(sent.Add(k.lasts))
		a.ctx.end(task.ErrCancelled)
	case errors.Is(err, task.ErrLeaseLost):
		if a.ctx.end(task.ErrLeaseLost) {
			k.log.Warn("lease lost to another server; the handler is cancelled", "task", a.lease.ID, "name", a.task.Name)
		}
	default:
		k.log.Debug("lease not extended; trying again", "task", a.lease.ID, "error", err)
	}
}

// extended notes until when the lease lasts. Answers may come out of order.
func (a *attempt) extended(until time.Time) {
	if until.After(a.expires) {
		a.expires = until
	}
}

// expiry is when the lease runs out.
func (k *keeper) expiry(a *attempt) time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return a.expires
}

// noteReport takes the answer for what was reported of one attempt.
func (k *keeper) noteReport(a *attempt, sent *task.Progress, err error) {
	switch {
	case sent == nil:
	case err == nil || errors.Is(err, task.ErrCancelled) || errors.Is(err, task.ErrLeaseLost):
		a.ctx.sent(sent)
	default:
		k.hear() // it is sent again
	}
}

// reportEvery is the least time between two reports of progress.
const reportEvery = time.Second

// hear is told that there is something to report, or to ask.
func (k *keeper) hear() {
	select {
	case k.reports <- struct{}{}:
	default:
	}
}

// sendReports sends what handlers have reported, the latest of each, and asks
// about doubtful attempts: both is done by extending.
func (k *keeper) sendReports(ctx context.Context) {
	for {
		select {
		case <-k.reports:
		case <-ctx.Done():
			return
		}
		for attempts := k.reporting(); len(attempts) > 0; {
			n := min(len(attempts), broker.MaxBatch)
			k.extendBatch(ctx, attempts[:n])
			attempts = attempts[n:]
		}
		pause(ctx, reportEvery)
	}
}

func (k *keeper) reporting() []*attempt {
	k.mu.Lock()
	defer k.mu.Unlock()
	var reporting []*attempt
	for a := range k.all {
		if a.doubtful || a.ctx.unsent() != nil {
			a.doubtful = false
			reporting = append(reporting, a)
		}
	}
	return reporting
}

// cancellation names a task that is to be cancelled.
type cancellation struct {
	queue string
	id    uuid.UUID
}

// unheard is how old an unknown cancellation may be when its lease comes.
const unheard = time.Second

// cancel ends the context of a task's handler.
func (k *keeper) cancel(queue string, id uuid.UUID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for a := range k.all {
		if a.lease.ID == id && a.lease.Queue == queue {
			a.ctx.end(task.ErrCancelled)
			return
		}
	}
	now := time.Now()
	maps.DeleteFunc(k.unknown, func(_ cancellation, at time.Time) bool { return now.Sub(at) > unheard })
	if len(k.unknown) < broker.MaxBatch { // beyond, extending tells
		k.unknown[cancellation{queue, id}] = now
	}
}

// meet asks about an attempt whose task was called off as its lease was on its
// way. The lease may be of a later run, so the broker has to say.
func (k *keeper) meet(a *attempt) {
	if len(k.unknown) == 0 {
		return
	}
	name := cancellation{a.lease.Queue, a.lease.ID}
	if _, met := k.unknown[name]; met {
		delete(k.unknown, name)
		a.doubtful = true
		k.hear()
	}
}

// doubt asks about every attempt.
func (k *keeper) doubt() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for a := range k.all {
		a.doubtful = true
	}
	k.hear()
}

// abandon takes the tasks away from the attempts whose handlers have not
// returned, and returns how to hand them back.
func (k *keeper) abandon() []broker.Outcome {
	k.mu.Lock()
	defer k.mu.Unlock()
	var outcomes []broker.Outcome
	for a := range k.all {
		if !a.returned.Load() {
			outcomes = append(outcomes, a.outcome(task.StatusPending))
			k.unlink(a)
		}
	}
	return outcomes
}
