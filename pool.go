package jobsy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// grace is how long cancelled handlers may take to return.
const grace = time.Second

// pool is one run of a server: its slots, its attempts, and the goroutines that
// belong to them.
type pool struct {
	server   *Server
	backlog  *backlog
	keeper   *keeper
	settler  *settler
	reporter *reporter
	work     context.Context // of every handler
	stop     context.CancelCauseFunc
	running  sync.WaitGroup // attempts, until they are settled
	workers  sync.WaitGroup // goroutines that run attempts
	hearing  sync.WaitGroup // for cancellations
	deaf     context.CancelFunc
	unknown  unknownNames
	suspects suspects
	spares   sync.Pool // memory of an attempt's *task.Task
}

func newPool(s *Server) *pool {
	p := &pool{server: s, spares: sync.Pool{New: func() any { return new(task.Task) }}}
	p.suspects.most, p.suspects.hold = s.opts.MaxDeliveries, min(holdFor, s.opts.LeaseDuration/4)
	p.backlog = newBacklog(s.opts.Concurrency, p.begin)
	p.work, p.stop = context.WithCancelCause(context.Background())
	p.keeper = newKeeper(s.broker, s.opts.LeaseDuration, s.log)
	p.reporter = newReporter(s, p.keeper)
	p.settler = newSettler(s.broker, s.log, p.settled)
	p.hearCancellations()
	return p
}

// hearCancellations ends the handlers of tasks that are called off. What it
// misses the keeper learns with the next extension of the lease.
func (p *pool) hearCancellations() {
	ctx, cancel := context.WithCancel(context.Background())
	p.deaf = cancel
	notifier, ok := p.server.broker.(broker.Notifier)
	if !ok {
		return
	}
	queues := slices.Sorted(maps.Keys(p.server.opts.Queues))
	p.hearing.Go(func() { // what was called off before there was anyone to hear
		pause(ctx, lastPause)
		p.keeper.doubt()
	})
	p.hearing.Go(func() {
		for ctx.Err() == nil {
			err := notifier.News(ctx, queues, broker.Listener{Cancelled: p.keeper.cancel})
			if ctx.Err() != nil || errors.Is(err, task.ErrClosed) {
				return
			}
			p.server.log.Debug("cancellations come late; trying again", "error", err)
			pause(ctx, lastPause)
		}
	})
}

// settled frees what the settled attempts held.
func (p *pool) settled(settlements []settlement, refused []bool) {
	p.keeper.remove(settlements)
	p.suspects.settled(settlements)
	p.reporter.count(settlements, refused)
	for i := range settlements {
		one := &settlements[i]
		if one.outcome.Status.Ended() && (refused == nil || !refused[i]) {
			p.server.ended(one.attempt.task)
			one.attempt.tellFailed(one.outcome.Status)
			p.spares.Put(one.attempt.task)
		}
	}
	p.backlog.settled(len(settlements))
	p.running.Add(-len(settlements))
}

// begin runs each attempt in a goroutine.
func (p *pool) begin(attempts []*attempt) {
	for _, a := range attempts {
		p.workers.Go(func() { p.serve(a) })
	}
}

// serve runs attempts in one goroutine, as long as there are any: a used stack
// need not grow again.
func (p *pool) serve(a *attempt) {
	finished := false
	defer func() {
		if !finished { // a handler called runtime.Goexit, which ends this goroutine
			p.workers.Go(func() { p.serve(p.backlog.next(0)) })
		}
	}()
	for a != nil {
		a.run()
		a = p.backlog.next(a.took)
	}
	finished = true
}

// drain ends the pool: see Server.Run.
func (p *pool) drain(timeout time.Duration) error {
	defer p.hearing.Wait()
	defer p.deaf()
	defer p.keeper.close()
	defer p.settler.close()
	releaseAll(p.backlog.empty())
	done := make(chan struct{})
	go func() { // ends with the last attempt
		p.running.Wait()
		p.workers.Wait()
		close(done)
	}()
	if within(timeout, done) {
		p.stop(task.ErrShutdown)
		return nil
	}
	p.server.log.Warn("handlers cancelled at shutdown", "handlers", p.keeper.count())
	p.stop(task.ErrShutdown)
	if within(grace, done) {
		return nil
	}
	left := p.handBack()
	p.settler.giveUp()
	if !within(grace, done) && left > 0 {
		return fmt.Errorf("%d handlers ignored their cancelled context and were left behind", left)
	}
	return nil
}

func within(d time.Duration, done <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// handBack releases the tasks whose handlers do not return.
func (p *pool) handBack() int {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	left := p.keeper.abandon()
	for start := 0; start < len(left); start += broker.MaxBatch {
		batch := left[start:min(start+broker.MaxBatch, len(left))]
		for i, err := range p.server.broker.Settle(ctx, batch) {
			if err != nil {
				p.server.log.Warn("cannot hand a task back; it runs again once its lease has passed",
					"task", batch[i].Lease.ID, "error", err)
			}
		}
	}
	return len(left)
}
