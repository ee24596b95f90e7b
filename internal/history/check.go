package history

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Kind says which promise was broken.
type Kind string

// The ways to break one.
const (
	Lost        Kind = "lost"             // accepted, but has not ended
	Unexpected  Kind = "unexpected"       // ran, but was never enqueued, or was refused
	RunAgain    Kind = "run again"        // ran after a settlement that ended it was accepted
	TwoLeases   Kind = "two leases"       // was leased while another lease lasted
	Fenced      Kind = "fence"            // a token that does not grow, or a settlement of a lost lease accepted
	Early       Kind = "early"            // started before it was due
	OutOfOrder  Kind = "out of order"     // ran before one of its priority that was enqueued before it
	Overloaded  Kind = "over concurrency" // more handlers at once than configured
	TickedTwice Kind = "tick twice"       // a tick has two tasks
	Attempts    Kind = "attempts"         // more attempts than there were failures, or than MaxRetry allows
	Deliveries  Kind = "deliveries"       // more deliveries than allowed, or none
)

// Violation is one broken promise.
type Violation struct {
	Kind      Kind
	Queue, ID string
	Detail    string
}

func (v Violation) String() string {
	return fmt.Sprintf("%s: task %s of queue %q: %s", v.Kind, v.ID, v.Queue, v.Detail)
}

// Options of Check. The zero value of each field is its default.
type Options struct {
	// Concurrency is how many handlers a process may run at once. Default: it is
	// not checked.
	Concurrency int
	// SingleWorker tells that one worker took one task at a time, so that the
	// order of starts is that of the queue. Default: order is not checked.
	SingleWorker bool
	// MaxDeliveries is how often a task may be delivered. Default: 5; -1: it is
	// not checked.
	MaxDeliveries int
	// Tolerance is how far times of two processes, and of the server, may be
	// apart. Default: 5 ms.
	Tolerance time.Duration
	// Running tells that not everything has ended yet. Default: what was accepted
	// and has not ended is lost.
	Running bool
}

// Check returns the promises that a history shows broken, of each task in the
// order of Kind's constants. Everything should have been drained.
func Check(events []Event, opts *Options) []Violation {
	c := checker{tasks: make(map[key]*life)}
	if opts != nil {
		c.opts = *opts
	}
	c.opts.MaxDeliveries = cmp.Or(c.opts.MaxDeliveries, 5)
	c.opts.Tolerance = cmp.Or(c.opts.Tolerance, 5*time.Millisecond)
	c.events = slices.Clone(events)
	sortByEnd(c.events)
	c.gather()
	for _, k := range c.order {
		c.checkLife(k, c.tasks[k])
	}
	c.checkTicks()
	c.checkConcurrency()
	c.checkOrder()
	return c.found
}

type key struct{ queue, id string }

// life is all that is known of one task. Events are in the order in which they
// ended.
type life struct {
	enqueues, leases, extends, starts, ends, settlings, settles, revises, endings []*Event
}

type checker struct {
	opts   Options
	events []Event
	tasks  map[key]*life
	order  []key
	found  []Violation
}

func (c *checker) report(kind Kind, k key, format string, args ...any) {
	c.found = append(c.found, Violation{kind, k.queue, k.id, fmt.Sprintf(format, args...)})
}

func (c *checker) gather() {
	for i := range c.events {
		e := &c.events[i]
		k := key{e.Queue, e.ID}
		l := c.tasks[k]
		if l == nil {
			l = new(life)
			c.tasks[k], c.order = l, append(c.order, k)
		}
		if list := l.list(e.Type); list != nil {
			*list = append(*list, e)
		}
	}
	for _, l := range c.tasks {
		l.unanswered()
	}
}

// unanswered adds the settlements whose answers nobody has recorded.
func (l *life) unanswered() {
	for _, e := range l.settlings {
		answered := slices.ContainsFunc(l.settles, func(s *Event) bool {
			return s.Process == e.Process && s.Token == e.Token && s.Begin.Equal(e.Begin)
		})
		if !answered {
			settle := *e
			settle.Type, settle.Answer = TypeSettle, Unknown
			l.settles = append(l.settles, &settle)
		}
	}
}

func (l *life) list(t Type) *[]*Event {
	return map[Type]*[]*Event{
		TypeEnqueue: &l.enqueues, TypeTick: &l.enqueues, TypeLease: &l.leases, TypeExtend: &l.extends,
		TypeStart: &l.starts, TypeEnd: &l.ends, TypeSettling: &l.settlings, TypeSettle: &l.settles, TypeRevise: &l.revises, TypeEnded: &l.endings,
	}[t]
}

// answered reports whether one of the events was answered so.
func answered(events []*Event, answers ...Answer) bool {
	return slices.ContainsFunc(events, func(e *Event) bool { return slices.Contains(answers, e.Answer) })
}

func (c *checker) checkLife(k key, l *life) {
	c.checkLost(k, l)
	c.checkExpected(k, l)
	c.checkAgain(k, l)
	c.checkLeases(k, l)
	c.checkFence(k, l)
	c.checkEarly(k, l)
	c.checkAttempts(k, l)
	c.checkDeliveries(k, l)
}

// over reports whether a task may have ended, for all that is known.
func (l *life) over() bool {
	return len(l.endings) > 0 || slices.ContainsFunc(slices.Concat(l.settles, l.revises), func(e *Event) bool {
		return ends(e.Status) && e.Answer != Refused
	})
}

func (c *checker) checkLost(k key, l *life) {
	if !c.opts.Running && answered(l.enqueues, Accepted) && !l.over() {
		c.report(Lost, k, "it was accepted at %s, and has not ended after %d runs", stamp(l.enqueues[0].End), len(l.starts))
	}
}

func (c *checker) checkExpected(k key, l *life) {
	if len(l.starts)+len(l.leases) == 0 || answered(l.enqueues, Accepted, Unknown) {
		return
	}
	why := "it was never enqueued"
	if len(l.enqueues) > 0 {
		why = "it was refused"
	}
	c.report(Unexpected, k, "%s, but ran", why)
}

// revived reports whether an operator may have had the task run anew.
func (l *life) revived() bool {
	return slices.ContainsFunc(l.revises, func(e *Event) bool { return e.Status == "pending" && e.Answer != Refused })
}

// checkAgain lets those alone that an operator has run anew, or that a producer
// has enqueued anew: once a task has gone, its id is free.
func (c *checker) checkAgain(k key, l *life) {
	if l.revived() || len(l.enqueues) > 1 {
		return
	}
	for _, settle := range l.settles {
		if settle.Answer != Accepted || !ends(settle.Status) {
			continue
		}
		for _, run := range slices.Concat(l.leases, l.starts) {
			if run.Begin.After(settle.End) && (run.Type == TypeLease || run.Token != settle.Token) {
				c.report(RunAgain, k, "%s of token %d at %s, though it was %s under token %d at %s",
					run.Type, run.Token, stamp(run.Begin), settle.Status, settle.Token, stamp(settle.End))
				return
			}
		}
	}
}

func stamp(at time.Time) string { return at.UTC().Format("15:04:05.000000") }

// until is how long a lease lasted for all that was known at a moment, and whether
// it may have been given back before.
func (l *life) until(lease *Event, at time.Time) (until time.Time, back bool) {
	until = lease.Until
	for _, e := range l.extends {
		if e.Token == lease.Token && e.Answer == Accepted && e.End.Before(at) && e.Until.After(until) {
			until = e.Until
		}
	}
	for _, e := range l.settles {
		back = back || e.Token == lease.Token && e.Answer != Refused && e.Begin.Before(at)
	}
	return until, back
}

// checkLeases compares each lease with those before it, by their tokens: the
// reply that granted one may have come late.
func (c *checker) checkLeases(k key, l *life) {
	for _, later := range l.leases {
		for _, former := range l.leases {
			until, back := l.until(former, later.End)
			if former.Token < later.Token && !former.Begin.After(later.End) && !back && later.End.Add(c.opts.Tolerance).Before(until) {
				c.report(TwoLeases, k, "token %d was leased at %s, while token %d lasted until %s",
					later.Token, stamp(later.End), former.Token, stamp(until))
				return
			}
		}
	}
}

func (c *checker) checkFence(k key, l *life) {
	for i, later := range l.leases {
		for _, former := range l.leases[:i] {
			if former.End.Before(later.Begin) && later.Token <= former.Token {
				c.report(Fenced, k, "token %d was leased after token %d", later.Token, former.Token)
				return
			}
		}
	}
	for _, e := range slices.Concat(l.settles, l.extends) {
		for _, lease := range l.leases {
			if e.Answer == Accepted && lease.Token > e.Token && lease.End.Before(l.tried(e)) {
				c.report(Fenced, k, "%s of token %d was accepted at %s, though token %d was leased", e.Type, e.Token, stamp(e.End), lease.Token)
				return
			}
		}
	}
}

// tried is when a call was made first: an earlier try that had no answer may be the
// one that was accepted. If it has ended the task for good, no other lease can have
// come in between.
func (l *life) tried(e *Event) time.Time {
	begin := e.Begin
	if e.Type != TypeSettle || ends(e.Status) && !l.revived() {
		return begin
	}
	for _, try := range l.settles {
		same := try.Process == e.Process && try.Token == e.Token && try.Status == e.Status
		if same && try.Answer == Unknown && try.Begin.Before(begin) {
			begin = try.Begin
		}
	}
	return begin
}

func (c *checker) checkEarly(k key, l *life) {
	for _, run := range slices.Concat(l.leases, l.starts) {
		if due := l.due(run); run.End.Add(c.opts.Tolerance).Before(due) && !l.revived() {
			c.report(Early, k, "%s at %s, though it was due at %s", run.Type, stamp(run.End), stamp(due))
			return
		}
	}
}

// due is when a run was due: at the time of the task, or after the delay of its
// last settlement.
func (l *life) due(run *Event) time.Time {
	var due time.Time
	if len(l.enqueues) == 1 {
		due = l.enqueues[0].RunAt
	}
	for _, e := range l.settles {
		if e.Answer == Accepted && e.Delay > 0 && e.End.Before(run.Begin) && e.Token < run.Token {
			due = e.Begin.Add(e.Delay)
		}
	}
	return due
}

// checkAttempts checks that an attempt is counted only after one that failed.
func (c *checker) checkAttempts(k key, l *life) {
	if l.revived() || len(l.enqueues) > 1 {
		return
	}
	for _, run := range l.starts {
		most := 1
		for _, e := range l.settles {
			if e.Status == "retrying" && e.Answer != Refused && e.Begin.Before(run.End) {
				most++
			}
		}
		if len(l.enqueues) == 1 && l.enqueues[0].MaxRetry > 0 {
			most = min(most, l.enqueues[0].MaxRetry+1)
		} else if len(l.enqueues) == 1 && l.enqueues[0].MaxRetry < 0 {
			most = 1
		}
		if run.Attempt < 1 || run.Attempt > most {
			c.report(Attempts, k, "attempt %d under token %d, want 1 to %d", run.Attempt, run.Token, most)
			return
		}
	}
}

func (c *checker) checkDeliveries(k key, l *life) {
	for _, run := range slices.Concat(l.leases, l.starts) {
		// Deliveries after the last are there to end the task, without a run.
		over := run.Type == TypeStart && c.opts.MaxDeliveries > 0 && run.Deliveries > c.opts.MaxDeliveries
		if run.Deliveries < 1 || over {
			c.report(Deliveries, k, "%s with delivery %d, want 1 to %d", run.Type, run.Deliveries, c.opts.MaxDeliveries)
			return
		}
	}
}
