package memory

import (
	"container/list"
	"context"
	"slices"
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
	caller *caller
	places []place
	woken  chan struct{} // holds at most one wake-up
	alarm  int64         // when it wakes by itself, or never
	sleep  time.Duration // until the alarm
	timer  *time.Timer   // nil until the first alarm
}

// lobby holds the waiters of one queue, the first to be woken in front: those for
// whom the same is due. What others are to have is no reason to wake one.
type lobby struct {
	queue   string
	bar     int
	waiters list.List // of *waiter
}

type place struct {
	lobby   *lobby
	element *list.Element
}

// block puts the caller into the lobbies of its queues: a new one at the end,
// one that was woken for nothing in front.
func (b *Broker) block(c *caller, now time.Time) *waiter {
	w, again := c.waiter, c.waiter != nil
	if !again {
		w = &waiter{caller: c, woken: make(chan struct{}, 1), places: make([]place, 0, len(c.Queues))}
	}
	w.alarm = never
	bar := c.bar(0)
	for _, name := range c.Queues {
		l := b.lobby(name, bar)
		w.enter(l, again)
		if q := b.queues[name]; q != nil && l.front() == w && !b.isPaused(name) {
			w.alarm = min(w.alarm, q.next(bar))
		}
	}
	w.sleep = time.Duration(w.alarm - now.UnixNano())
	return w
}

// lobby returns that of a queue for those who are barred alike.
func (b *Broker) lobby(queue string, bar int) *lobby {
	for _, l := range b.lobbies[queue] {
		if l.bar == bar {
			return l
		}
	}
	l := &lobby{queue: queue, bar: bar}
	b.lobbies[queue] = append(b.lobbies[queue], l)
	return l
}

func (b *Broker) abandon(empty *lobby) {
	left := slices.DeleteFunc(b.lobbies[empty.queue], func(l *lobby) bool { return l == empty })
	if b.lobbies[empty.queue] = left; len(left) == 0 {
		delete(b.lobbies, empty.queue)
	}
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
			b.abandon(p.lobby)
		}
	}
	w.places = w.places[:0]
	select {
	case <-w.woken:
	default:
	}
}

// wake lets the first who waits for the queue know what it does not know yet, and
// everybody who handles them of tasks that were parked.
func (b *Broker) wake(q *queue) {
	if len(b.lobbies[q.name]) == 0 || b.isPaused(q.name) {
		return
	}
	var rouse []*waiter
	for _, l := range b.lobbies[q.name] {
		if w := l.front(); q.next(l.bar) < w.alarm {
			rouse = append(rouse, w)
		}
		if q.news {
			rouse = append(rouse, l.parkedFor(q)...)
		}
	}
	q.news = false
	for _, w := range rouse {
		if len(w.places) > 0 {
			b.unblock(w)
			w.woken <- struct{}{}
		}
	}
}

// parkedFor returns those who may be waiting for what was parked.
func (l *lobby) parkedFor(q *queue) (found []*waiter) {
	for at := l.waiters.Front(); at != nil; at = at.Next() {
		if w := at.Value.(*waiter); w.caller.wants(q) {
			found = append(found, w)
		}
	}
	return found
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
