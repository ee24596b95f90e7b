package scheduler

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	grace    = time.Minute // after a tick that nobody took, until its schedule counts as one that nobody runs
	lookEach = time.Hour   // at the schedules of the broker, while there is a set
)

// Sync makes the schedules of a set exactly these, as a configuration that is read
// again may say: it adds those that are new, changes those that are not as they
// were, and removes those that are gone. The rest goes on undisturbed, and so do
// other sets and what was added. Like Add it sends nothing itself. If one of them
// is invalid, or has the ID of a schedule that is here and not of the set, nothing
// changes.
//
// The set has a name, and the broker knows it of each schedule. So what the set has
// no more, in this program's former versions as well, is not only stopped here: a
// scheduler that runs has the broker forget it, once a minute has passed since a
// tick of it that nobody took. Until then another process may still run it, one of
// an old version during a deployment, and it stays listed; as long as one does, it
// stays. So versions do not fight: each runs what it has, a schedule that two have
// with different specs ticks by both, and the last of them remain. An ID that moves
// to another queue is another schedule.
//
// For this a scheduler looks at the schedules of all queues when it begins, after
// each Sync, when such a minute is over, and once an hour: a call a queue. The
// broker has to be a broker.Planner and a broker.Inspector.
func (s *Scheduler) Sync(set string, schedules []Schedule) error {
	entries, err := s.newSet(set, schedules)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range entries {
		if e := s.entries[id]; e != nil && e.set != set {
			return errNotUnique(id)
		}
	}
	for id, e := range s.entries {
		if e.set == set && (entries[id] == nil || !e.same(entries[id])) {
			s.drop(e)
		}
	}
	for id, e := range entries {
		if s.entries[id] == nil {
			s.put(e)
		}
	}
	s.sets[set] = true
	select {
	case s.synced <- struct{}{}:
	default:
	}
	return nil
}

func (s *Scheduler) newSet(set string, schedules []Schedule) (map[string]*entry, error) {
	if err := broker.CheckName("set", set); err != nil {
		return nil, err
	}
	entries := make(map[string]*entry, len(schedules))
	for i, schedule := range schedules {
		e, err := s.newEntry(schedule)
		if err == nil && entries[schedule.ID] != nil {
			err = errNotUnique(schedule.ID)
		}
		if err != nil {
			return nil, fmt.Errorf("schedule %d of %d: %w", i+1, len(schedules), err)
		}
		e.set = set
		entries[e.ID] = e
	}
	return entries, nil
}

func errNotUnique(id string) error {
	return &task.FieldError{Field: "id", Rule: "must be unique in the scheduler", Value: strconv.Quote(id)}
}

// planned is a broker that lists schedules.
type planned interface {
	broker.Planner
	broker.Inspector
}

// tidy has the broker forget what sets have no more, until ctx ends.
func (s *Scheduler) tidy(ctx context.Context, b planned) {
	for {
		next, err := s.look(ctx, b)
		if err != nil && ctx.Err() == nil {
			s.log.Warn("cannot look for schedules that their set has no more", "error", err)
			next = grace
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-s.synced:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// look parts with the schedules of sets that are not here, and returns when to
// look again.
func (s *Scheduler) look(ctx context.Context, b planned) (next time.Duration, err error) {
	sets, here := s.claims()
	if next = lookEach; len(sets) == 0 {
		return next, nil
	}
	queues, err := b.Queues(ctx)
	for _, queue := range queues {
		for cursor, more := "", err == nil; more; more = err == nil && cursor != "" {
			var page []broker.ScheduleInfo
			page, cursor, err = b.Schedules(ctx, queue, cursor, broker.MaxBatch)
			for _, info := range page {
				if sets[info.Set] && !here[place{queue, info.Name}] {
					next = min(next, s.part(ctx, b, info))
				}
			}
		}
	}
	return next, err
}

// place is where a schedule is.
type place struct{ queue, id string }

// claims returns the sets, and which schedules are here.
func (s *Scheduler) claims() (map[string]bool, map[place]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sets, here := make(map[string]bool), make(map[place]bool)
	for set := range s.sets {
		sets[set] = true
	}
	for id, e := range s.entries {
		here[place{e.queue, id}] = true
	}
	return sets, here
}

// part has the broker forget a schedule if nobody runs it, or returns when to look
// at it again.
func (s *Scheduler) part(ctx context.Context, b planned, info broker.ScheduleInfo) time.Duration {
	zone, err := time.LoadLocation(info.Location)
	if err != nil {
		return lookEach
	}
	from := later(later(info.Anchor, info.Last), info.Since)
	ticks, err := Upcoming(info.Spec, zone, info.Anchor, from, 1)
	if err != nil || len(ticks) == 0 {
		return lookEach
	}
	if left := ticks[0].Add(grace).Sub(info.Now); left > 0 {
		return left
	}
	gone, err := b.Forget(ctx, info.Queue, info.Name, info.Last)
	if err != nil {
		s.log.Warn("cannot have a schedule forgotten that its set has no more", "schedule", info.Name, "queue", info.Queue, "error", err)
	}
	if gone {
		s.log.Info("schedule forgotten: its set has it no more, and nobody runs it", "schedule", info.Name, "queue", info.Queue, "set", info.Set)
	}
	return grace
}
