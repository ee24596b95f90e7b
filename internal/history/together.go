package history

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// What several tasks show together.

// checkTicks checks that each tick has one task at most: of those that were
// accepted or have run.
func (c *checker) checkTicks() {
	type tick struct {
		queue, schedule string
		at              int64
	}
	taken := make(map[tick][]string)
	for i := range c.events {
		e := &c.events[i]
		if e.Type != TypeTick {
			continue
		}
		k, at := key{e.Queue, e.ID}, tick{e.Queue, e.Schedule, e.Tick.UnixNano()}
		if (e.Answer == Accepted || len(c.tasks[k].starts) > 0) && !slices.Contains(taken[at], e.ID) {
			taken[at] = append(taken[at], e.ID)
		}
		if len(taken[at]) == 2 && taken[at][1] == e.ID {
			c.report(TickedTwice, k, "schedule %q at %s has task %s, too", e.Schedule, stamp(e.Tick), taken[at][0])
		}
	}
}

// checkConcurrency counts the handlers of each process. One that never returned
// ran as long as its process.
func (c *checker) checkConcurrency() {
	if c.opts.Concurrency == 0 {
		return
	}
	type run struct {
		key
		token int64
	}
	running := make(map[string]map[run]int)
	full := make(map[string]bool)
	for i := range c.events {
		e := &c.events[i]
		r := run{key{e.Queue, e.ID}, e.Token}
		of := running[e.Process]
		if of == nil {
			of = make(map[run]int)
			running[e.Process] = of
		}
		switch e.Type {
		case TypeStart:
			of[r]++
		case TypeEnd:
			delete(of, r)
		}
		if len(of) > c.opts.Concurrency && !full[e.Process] {
			full[e.Process] = true
			c.report(Overloaded, r.key, "process %s ran %d at once at %s", e.Process, len(of), stamp(e.End))
		}
	}
}

// checkOrder checks each priority of each queue by itself: of tasks that were due
// at once and ran once.
func (c *checker) checkOrder() {
	if !c.opts.SingleWorker {
		return
	}
	type class struct {
		queue    string
		priority int
	}
	calls := make(map[class][]*queued)
	for _, k := range c.order {
		l := c.tasks[k]
		if !l.plain() {
			continue
		}
		e := l.enqueues[0]
		of := class{k.queue, e.Priority}
		calls[of] = append(calls[of], &queued{k, e, l.starts[0].Begin})
	}
	classes := slices.SortedFunc(maps.Keys(calls), func(a, b class) int {
		if a.queue != b.queue {
			return strings.Compare(a.queue, b.queue)
		}
		return b.priority - a.priority
	})
	for _, of := range classes {
		c.checkClass(calls[of])
	}
}

// plain reports whether the task had no reason to run but in its turn.
func (l *life) plain() bool {
	return len(l.enqueues) == 1 && l.enqueues[0].Type == TypeEnqueue && l.enqueues[0].Answer == Accepted &&
		l.enqueues[0].RunAt.IsZero() && len(l.starts) == 1 && len(l.leases) <= 1 && len(l.revises) == 0 &&
		!slices.ContainsFunc(l.settles, func(e *Event) bool { return !ends(e.Status) })
}

type queued struct {
	key
	enqueue *Event
	start   time.Time
}

// checkClass finds tasks that started before one whose Enqueue had returned before
// theirs began. The tasks of one call are in the order of its events.
func (c *checker) checkClass(tasks []*queued) {
	byBegin, byEnd := tasks, slices.Clone(tasks)
	slices.SortStableFunc(byBegin, func(a, b *queued) int { return a.enqueue.Begin.Compare(b.enqueue.Begin) })
	slices.SortStableFunc(byEnd, func(a, b *queued) int { return a.enqueue.End.Compare(b.enqueue.End) })
	var latest *queued
	inCall := make(map[string]*queued) // the latest of a process's present call
	next := 0
	for _, t := range byBegin {
		for ; next < len(byEnd) && byEnd[next].enqueue.End.Before(t.enqueue.Begin); next++ {
			latest = later(latest, byEnd[next])
		}
		before := latest
		if former := inCall[t.enqueue.Process]; former != nil && former.enqueue.Call == t.enqueue.Call {
			before = later(before, former)
		}
		if before != nil && t.start.Before(before.start) {
			c.report(OutOfOrder, t.key, "it started at %s, before task %s, which was enqueued before it", stamp(t.start), before.id)
			return
		}
		inCall[t.enqueue.Process] = t
	}
}

func later(a, b *queued) *queued {
	if a == nil || b.start.After(a.start) {
		return b
	}
	return a
}
