package memory

import (
	"container/list"
	"context"
	"time"
)

// waiter is a blocked Lease call. It stands in the lobby of each of its queues
// until it is woken or its wait ends.
//
// The first in a lobby answers for the queue: its alarm is set no later than
// there is something to lease. The others sleep until they are the first and
// are woken. So work wakes one caller, not all. Whoever has left a lobby answers
// for the queue until it looks: then it stays, as the first again, or goes, and
// wakes the new first if that one's alarm is too late (Broker.wake).
type waiter struct {
	places []place
	woken  chan struct{} // holds at most one wake-up
	alarm  int64         // when it wakes by itself, or never
	sleep  time.Duration // until the alarm
	timer  *time.Timer   // nil until the first alarm
}

// lobby holds the waiters of one queue, the first to be woken in front.
type lobby struct {
	queue   string
	waiters list.List // of *waiter
}

type place struct {
	lobby   *lobby
	element *list.Element
}

// block puts the caller into the lobbies of its queues: a new one at the end,
// one that was woken for nothing in front.
func (b *Broker) block(queues []string, w *waiter, now time.Time) *waiter {
	again := w != nil
	if !again {
		w = &waiter{woken: make(chan struct{}, 1), places: make([]place, 0, len(queues))}
	}
	w.alarm = never
	for _, name := range queues {
		l := b.lobbies[name]
		if l == nil {
			l = &lobby{queue: name}
			b.lobbies[name] = l
		}
		w.enter(l, again)
		if q := b.queues[name]; q != nil && l.front() == w && !b.isPaused(name) {
			w.alarm = min(w.alarm, q.next())
		}
	}
	w.sleep = time.Duration(w.alarm - now.UnixNano())
	return w
}

func (w *waiter) enter(l *lobby, first bool) {
	if first {
		w.places = append(w.places, place{l, l.waiters.PushFront(w)})
	} else {
		w.places = append(w.places, place{l, l.waiters.PushBack(w)})
	}
}

func (l *lobby) front() *waiter { return l.waiters.Front().Value.(*waiter) }

// unblock takes a waiter out of its lobbies.
func (b *Broker) unblock(w *waiter) {
	for _, p := range w.places {
		p.lobby.waiters.Remove(p.element)
		if p.lobby.waiters.Len() == 0 {
			delete(b.lobbies, p.lobby.queue)
		}
	}
	w.places = w.places[:0]
	select {
	case <-w.woken:
	default:
	}
}

// wake lets the first who waits for the queue know what it does not know yet.
func (b *Broker) wake(q *queue) {
	l := b.lobbies[q.name]
	if l == nil || b.isPaused(q.name) {
		return
	}
	if w := l.front(); q.next() < w.alarm {
		b.unblock(w)
		w.woken <- struct{}{}
	}
}

// wait blocks until there is reason to look again.
func (w *waiter) wait(ctx context.Context, done <-chan struct{}) {
	var alarm <-chan time.Time
	if w.alarm != never {
		alarm = w.ring()
		defer w.timer.Stop()
	}
	select {
	case <-w.woken:
	case <-alarm:
	case <-ctx.Done():
	case <-done:
	}
}

func (w *waiter) ring() <-chan time.Time {
	if w.timer == nil {
		w.timer = time.NewTimer(w.sleep)
	} else {
		w.timer.Reset(w.sleep)
	}
	return w.timer.C
}
