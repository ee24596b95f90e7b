package redis

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// sweepEvery is the least time between two sweeps of a queue by one worker, in
// idle polls.
const sweepEvery = 4

// station is where one worker of this process leases: what it knows of its
// queues, and the listeners that block on their wake markers.
//
// A listener goes on blocking between two Lease calls, so that a busy worker
// does not open one a call. If it hears of work while no call is there, it puts
// the marker back for another server and ends.
type station struct {
	broker *Broker
	places map[string]*place

	mu        sync.Mutex
	attended  bool // a Lease call is there
	noLast    bool // it is not to have tasks on their last delivery
	heard     chan struct{}
	listening map[string]*listener // by their first queue
}

// place is one queue of a station. Only the station's Lease call touches it,
// except for due and heard, which the station's lock guards.
type place struct {
	station *station
	queue   string
	caller  string // names this worker to the queue's reply memory
	call    uint64 // the number of the next call
	due     time.Time
	heard   bool // of work since the last look
	swept   time.Time
	scanned string // where the next sweep goes on looking at locks
	visited string // likewise, at parked tasks
	roll    roll
}

// stations finds the station of a worker.
type stations struct {
	mu     sync.Mutex
	named  map[string]*station
	number int
}

func (all *stations) enter(b *Broker, req broker.LeaseRequest) *station {
	all.mu.Lock()
	defer all.mu.Unlock()
	s := all.named[req.Worker]
	if s == nil {
		s = &station{
			broker: b, places: make(map[string]*place),
			heard: make(chan struct{}, 1), listening: make(map[string]*listener),
		}
		if all.named == nil {
			all.named = make(map[string]*station)
		}
		all.named[req.Worker] = s
	}
	for _, queue := range req.Queues {
		if s.places[queue] == nil {
			all.number++
			caller := b.instance + ":" + strconv.Itoa(all.number)
			s.places[queue] = &place{station: s, queue: queue, caller: caller, call: 1}
		}
	}
	s.attend(req.NoLast)
	return s
}

// attend begins a Lease call. What was not due for the one before may be due for
// it.
func (s *station) attend(noLast bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.noLast && !noLast {
		for _, p := range s.places {
			p.due = time.Time{}
		}
	}
	s.attended, s.noLast = true, noLast
}

// leave ends a Lease call. A worker that gives up may never come back, so
// nothing of it stays behind.
func (s *station) leave(forGood bool) {
	s.mu.Lock()
	s.attended = false
	listeners := s.current()
	s.passOn()
	s.mu.Unlock()
	if !forGood {
		return
	}
	s.broker.stations.forget(s)
	interruptAll(listeners)
}

// passOn puts the markers back that were heard but not looked after: this
// worker may be busy for long.
func (s *station) passOn() {
	for _, p := range s.places {
		if p.heard && s.broker.ctx.Err() == nil {
			p.heard = false
			s.broker.work.Go(func() { s.broker.putBack(p.queue) })
		}
	}
}

func (s *station) current() []*listener {
	listeners := make([]*listener, 0, len(s.listening))
	for _, l := range s.listening {
		listeners = append(listeners, l)
	}
	return listeners
}

func (all *stations) forget(s *station) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for name, other := range all.named {
		if other == s {
			delete(all.named, name)
		}
	}
}

// interrupt ends every listener.
func (all *stations) interrupt() {
	all.mu.Lock()
	defer all.mu.Unlock()
	var listeners []*listener
	for _, s := range all.named {
		s.mu.Lock()
		listeners = append(listeners, s.current()...)
		s.mu.Unlock()
	}
	interruptAll(listeners)
}

// worthLooking returns the queues that may have something to lease, in order,
// and sees to it that the others are listened to.
func (s *station) worthLooking(queues []string) []*place {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	places := make([]*place, 0, len(queues))
	for _, queue := range queues {
		if p := s.places[queue]; !now.Before(p.due) {
			places = append(places, p)
		}
	}
	if len(places) < len(queues) {
		s.listen()
	}
	return places
}

// look notes that the queue is being looked at: what was heard is answered.
func (p *place) look() {
	p.station.mu.Lock()
	p.heard = false
	p.station.mu.Unlock()
}

// rest leaves the queue alone until something in it falls due, or an idle poll
// has passed, which jitter keeps apart from those of other servers. It does not
// if there was a wake-up since the look that found nothing.
func (p *place) rest(next, idlePoll time.Duration) {
	pause := idlePoll - time.Duration(rand.Int64N(int64(idlePoll)/10+1))
	if next >= 0 {
		pause = min(pause, max(next, time.Millisecond))
	}
	p.station.mu.Lock()
	defer p.station.mu.Unlock()
	if !p.heard {
		p.due = time.Now().Add(pause)
	}
}

func (p *place) sweepDue(idlePoll time.Duration) bool {
	now := time.Now()
	if now.Sub(p.swept) < sweepEvery*idlePoll {
		return false
	}
	p.swept = now
	return true
}

// wait blocks until a queue is worth looking at.
func (s *station) wait(ctx context.Context) error {
	timer := time.NewTimer(time.Until(s.rested()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-s.heard:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.broker.ctx.Done():
		return task.ErrClosed
	}
}

// rested returns when the first queue has rested, and listens until then.
func (s *station) rested() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listen()
	var first time.Time
	for _, p := range s.places {
		if first.IsZero() || p.due.Before(first) {
			first = p.due
		}
	}
	return first
}

// listen makes sure that somebody blocks on the marker of each queue: one
// listener for all, or one a queue on a Cluster, where they live on different
// nodes.
func (s *station) listen() {
	_, cluster := s.broker.client.(*goredis.ClusterClient)
	var all []string
	for queue := range s.places {
		if cluster {
			s.startListener([]string{queue})
		}
		all = append(all, queue)
	}
	if !cluster && len(s.listening) == 0 {
		s.startListener(all)
	}
}

func (s *station) startListener(queues []string) {
	name := queues[0]
	if s.listening[name] != nil || s.broker.ctx.Err() != nil {
		return
	}
	l := &listener{station: s, name: name, queues: make(map[string]string, len(queues))}
	for _, queue := range queues {
		key := s.broker.keys(queue).wake()
		l.keys = append(l.keys, key)
		l.queues[key] = queue
	}
	s.listening[name] = l
	s.broker.work.Go(l.listen)
}

// hear takes what a listener heard: a queue, "" for none, or why it cannot
// listen. It reports whether somebody is there; if not, the listener ends.
func (s *station) hear(l *listener, queue string, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, p := range s.places {
		if name == queue || err != nil {
			p.due = time.Time{}
		}
		p.heard = p.heard || name == queue && s.attended
	}
	if err != nil || !s.attended || s.broker.ctx.Err() != nil {
		delete(s.listening, l.name)
	}
	if queue != "" || err != nil {
		select {
		case s.heard <- struct{}{}:
		default:
		}
	}
	return s.listening[l.name] == l
}
