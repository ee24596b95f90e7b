// Package engine is a server at work: it leases tasks, runs their handlers, and
// settles how they ended.
//
//	intake ──▶ slots ──▶ attempt ──▶ verdict ──▶ settler ──▶ fan-out
//
// intake leases what there is room for; slots hold what is leased and not begun,
// and the goroutines of handlers; an attempt runs one handler; the verdict says
// what becomes of its task; the settler tells the broker; and the fan-out, below,
// tells everybody else. Beside them, leases are kept, a beat reports, hooks call
// the user back, and a watch looks for handlers that do not return.
package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// Engine is a server at work. It runs once.
type Engine struct {
	cfg    Config
	health health
	intake *intake

	leases  *leases
	slots   *slots
	settler *settler
	hooks   *hooks
	beat    *beat
	watch   *watch
	news    *news
	open    sync.WaitGroup // attempts, until they are settled
	spares  sync.Pool      // memory of tasks to be stored
}

// New returns an engine that has not begun.
func New(cfg Config) *Engine {
	cfg.Name += "-" + strings.ToLower(rand.Text()[:6])
	e := &Engine{cfg: cfg, spares: sync.Pool{New: func() any { return new(task.Task) }}}
	e.health.concurrency = cfg.Concurrency
	e.intake = &intake{cfg: &e.cfg, health: &e.health, begins: e.open.Add}
	return e
}

// Name returns the engine's name, which is unique.
func (e *Engine) Name() string { return e.cfg.Name }

// Healthy returns nil while the engine runs and reaches its broker, and else why
// it is not well.
func (e *Engine) Healthy() error { return e.health.check() }

// Reconsider tells a running engine that there are more handlers.
func (e *Engine) Reconsider() { e.intake.reconsider() }

// Run works until ctx ends, then drains.
func (e *Engine) Run(ctx context.Context) error {
	work, interrupt := context.WithCancelCause(context.WithoutCancel(ctx))
	defer interrupt(task.ErrShutdown)
	e.begin(work)
	e.health.enter(phaseRunning)
	err := e.intake.run(ctx)
	e.health.enter(phaseStopping)
	e.beat.stopsLeasing()
	err = errors.Join(err, e.drain(interrupt))
	e.beat.close()
	e.health.enter(phaseEnded)
	return err
}

func (e *Engine) begin(work context.Context) {
	cfg := &e.cfg
	e.leases = newLeases(cfg.Broker, cfg.LeaseDuration, cfg.Log)
	e.slots = newSlots(cfg.Concurrency)
	e.hooks = newHooks(work, cfg.OnFailed, cfg.Log)
	e.settler = newSettler(cfg.Broker, cfg.Log, e.leases.expiry, e.fanOut)
	e.beat = newBeat(cfg, e.leases, &e.health)
	e.watch = newWatch(e.leases, cfg.Log, e.health.overran)
	e.news = newNews(cfg, e.leases, e.slots)
	e.intake.slots, e.intake.leases = e.slots, e.leases
	e.intake.env = &environment{
		work: work, find: cfg.Find, policy: &cfg.Policy, expiry: e.leases.expiry, reported: e.leases.ask,
		settle: e.settler.add, unknown: newUnknown(cfg.Log).outcome, spares: &e.spares,
	}
}

// fanOut tells everybody of settlements that were answered or given up. Refused
// says which of them had no effect, nil that all had.
func (e *Engine) fanOut(settlements []settlement, refused []bool) {
	e.leases.drop(leasesIn(settlements))
	e.intake.forget(settlements)
	e.beat.count(settlements, refused)
	for i := range settlements {
		one := &settlements[i]
		if !one.outcome.Status.Ended() || refused != nil && refused[i] {
			continue
		}
		if e.cfg.Ended != nil {
			e.cfg.Ended(one.held.lease.Task)
		}
		if one.outcome.Status == task.StatusFailed {
			e.hooks.failed(one.held.lease.Task, one.err)
		}
		e.spares.Put(one.held.lease.Task)
	}
	e.slots.makeRoom(len(settlements))
	e.open.Add(-len(settlements))
}

// drain ends what runs: see jobsy.Server.Run.
func (e *Engine) drain(interrupt context.CancelCauseFunc) error {
	until := time.Now().Add(e.cfg.ShutdownTimeout)
	e.slots.empty()
	left := e.finish(interrupt)
	given := e.settler.close()
	e.leases.close()
	e.news.close()
	e.watch.close()
	errs := []error{e.hooks.close(time.Until(until))}
	if left > 0 {
		errs = append(errs, fmt.Errorf("%d handlers ignored their cancelled context and were left behind", left))
	}
	if given > 0 {
		errs = append(errs, fmt.Errorf("%d tasks that were done with could not be settled: they run again once their leases have passed", given))
	}
	return errors.Join(errs...)
}

// finish waits for what runs, interrupts it when the time is over, and returns how
// many handlers it left behind.
func (e *Engine) finish(interrupt context.CancelCauseFunc) (left int) {
	done := make(chan struct{})
	go func() { // ends with the last handler
		e.open.Wait()
		e.slots.running.Wait()
		close(done)
	}()
	if within(e.cfg.ShutdownTimeout, done) {
		return 0
	}
	e.cfg.Log.Warn("handlers cancelled at shutdown", "handlers", e.leases.count())
	interrupt(task.ErrShutdown)
	if within(grace, done) {
		return 0
	}
	left = e.handBack()
	e.settler.giveUp()
	if within(grace, done) {
		return 0
	}
	return left
}

// handBack releases the tasks whose handlers do not return.
func (e *Engine) handBack() int {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	left := e.leases.abandon()
	for batch := range slices.Chunk(left, broker.MaxBatch) {
		for i, err := range e.cfg.Broker.Settle(ctx, batch) {
			if err != nil {
				e.cfg.Log.Warn("cannot hand a task back; it runs again once its lease has passed",
					"task", batch[i].Lease.ID, "error", err)
			}
		}
	}
	return len(left)
}
