package brokertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func concurrencyRules() []rule {
	return []rule{
		{lossless, "every task ends once, however it gets there", storm},
		{lossless, "every task ends once, in several processes", stormOfProcesses},
	}
}

const (
	stormProducers = 4
	stormWorkers   = 6
	stormTasks     = 60 // of each producer
	stormPatience  = 4  // leases of one task, before workers only complete it
)

// ledger keeps the account of a storm.
type ledger struct {
	s    *trial
	mu   sync.Mutex
	open map[uuid.UUID]*account
	left int           // tasks that have not ended
	done chan struct{} // closed once all have
}

type account struct {
	leases int
	tokens map[int64]bool
	ended  int64 // the token of the lease that ended it
}

func storm(s *trial) { blow(s, s) }

func stormOfProcesses(s *trial) { blow(s, s, s.another()) }

// blow has many producers and workers do at random whatever they may do, and
// checks that each task ends once. Some workers leave their tasks behind, some
// settle late.
func blow(s *trial, processes ...*trial) {
	random := s.random()
	ledger := &ledger{s: s, open: make(map[uuid.UUID]*account), done: make(chan struct{}), left: stormProducers * stormTasks}
	ctx, stop := context.WithCancel(s.ctx)
	defer stop()
	for i := range max(stormProducers, stormWorkers) {
		process := processes[i%len(processes)]
		if i < stormProducers {
			producer := rand.New(rand.NewPCG(random.Uint64(), 1))
			s.running.Go(func() { ledger.produce(process, producer) })
		}
		worker := rand.New(rand.NewPCG(random.Uint64(), 2))
		s.running.Go(func() { ledger.work(ctx, process, worker) })
	}
	ledger.wait()
	stop()
	s.leavesNothing()
}

// wait ends with the storm. A clock that has to be moved is moved meanwhile.
func (l *ledger) wait() {
	l.s.Helper()
	timeout := time.After(l.s.patience)
	tick := time.NewTicker(blink)
	defer tick.Stop()
	for {
		select {
		case <-l.done:
			return
		case <-tick.C:
			l.s.advance(short)
		case <-timeout:
			l.mu.Lock()
			left := l.left
			l.mu.Unlock()
			l.s.Fatalf("%d of %d tasks have not ended", left, stormProducers*stormTasks)
		}
	}
}

func (l *ledger) produce(s *trial, random *rand.Rand) {
	for sent := 0; sent < stormTasks; {
		batch := newTasks(min(1+random.IntN(10), stormTasks-sent))
		for _, t := range batch {
			t.Priority = task.Priority(1 + random.IntN(255))
			if random.IntN(4) == 0 {
				t.RunAt = time.Now().Add(time.Duration(random.IntN(20)) * time.Millisecond)
			}
		}
		l.add(batch)
		if errs := s.broker.Enqueue(s.ctx, batch); errs != nil {
			s.Errorf("Enqueue returned %v", errs)
		}
		sent += len(batch)
	}
}

func (l *ledger) add(batch []*task.Task) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range batch {
		l.open[t.ID] = &account{tokens: make(map[int64]bool)}
	}
}

// work leases and settles until ctx ends. A worker that is told to leave its
// leases behind takes short ones.
func (l *ledger) work(ctx context.Context, s *trial, random *rand.Rand) {
	name := s.worker()
	for ctx.Err() == nil {
		req := s.request(name, 1+random.IntN(8))
		abandon := random.IntN(10) == 0
		if abandon {
			req.Duration = short
		}
		leases, err := l.ask(ctx, s, req)
		if err != nil {
			continue
		}
		var outcomes []broker.Outcome
		for _, lease := range leases {
			if final, ok := l.leased(lease); ok && (final || !abandon) {
				outcomes = append(outcomes, randomOutcome(lease, random, final))
			}
		}
		l.settle(s, outcomes)
	}
}

// ask returns from time to time, for a blocked call need not notice that the
// clock was moved.
func (l *ledger) ask(ctx context.Context, s *trial, req broker.LeaseRequest) ([]broker.Lease, error) {
	if s.harness.Advance != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, blink)
		defer cancel()
	}
	leases, err := s.broker.Lease(ctx, req)
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		s.Errorf("Lease: %v", err)
	}
	return leases, err
}

// leased books a lease. It tells whether the task's worker must end it now. A
// worker that was stopped on its way here may book its lease after another has
// taken the task over and ended it.
func (l *ledger) leased(lease broker.Lease) (final, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.open[lease.ID]
	switch {
	case a == nil:
		l.s.Errorf("leased task %s, which nobody enqueued", lease.ID)
		return false, false
	case a.ended > 0 && lease.Token > a.ended:
		l.s.Errorf("leased task %s, which has ended", lease.ID)
	case a.tokens[lease.Token]:
		l.s.as(fenced).Errorf("leased task %s twice with token %d", lease.ID, lease.Token)
	}
	a.leases++
	a.tokens[lease.Token] = true
	return a.leases >= stormPatience, true
}

func randomOutcome(lease broker.Lease, random *rand.Rand, final bool) broker.Outcome {
	statuses := outcomeStatuses()
	o := broker.Outcome{Lease: lease, Status: statuses[random.IntN(len(statuses))]}
	if final {
		o.Status = task.StatusCompleted
	}
	o.Delay = time.Duration(random.IntN(10)) * time.Millisecond
	if random.IntN(2) == 0 {
		o.Task = lease.Task
		o.Task.Headers = map[string]string{"settled": fmt.Sprint(random.IntN(1000))}
	}
	if random.IntN(4) == 0 {
		o.Keep = time.Duration(random.IntN(30)) * time.Millisecond
	}
	return o
}

// settle settles, and some of it twice.
func (l *ledger) settle(s *trial, outcomes []broker.Outcome) {
	if len(outcomes) == 0 {
		return
	}
	errs := s.broker.Settle(s.ctx, outcomes)
	for i, o := range outcomes {
		var err error
		if errs != nil {
			err = errs[i]
		}
		l.settled(o, err)
	}
	for _, err := range s.broker.Settle(s.ctx, outcomes[:1]) {
		if errors.Is(err, task.ErrLeaseLost) {
			return
		}
	}
	s.as(fenced).Errorf("task %s could be settled twice", outcomes[0].Lease.ID)
}

func (l *ledger) settled(o broker.Outcome, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch a := l.open[o.Lease.ID]; {
	case errors.Is(err, task.ErrLeaseLost):
	case err != nil:
		l.s.Errorf("Settle: %v", err)
	case !o.Status.Ended():
	case a.ended > 0:
		l.s.Errorf("task %s has ended twice", o.Lease.ID)
	default:
		a.ended = o.Lease.Token
		l.left--
		if l.left == 0 {
			close(l.done)
		}
	}
}
