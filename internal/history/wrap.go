package history

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// Broker is one with all the optional interfaces.
type Broker interface {
	broker.Broker
	broker.Inspector
	broker.Operator
	broker.Notifier
	broker.Timetable
}

// Wrap returns a broker that records what its users do. A client or a server on it
// has its whole history recorded but for what handlers do: see Recorder.Run.
func Wrap(b Broker, r *Recorder) Broker { return &recorded{b, r} }

type recorded struct {
	Broker
	recorder *Recorder
}

// answerOf reads an error of a call. Refusals are those that say that nothing was
// done.
func answerOf(err error) Answer {
	var duplicate *task.DuplicateError
	var field *task.FieldError
	switch {
	case err == nil:
		return Accepted
	case errors.As(err, &duplicate), errors.As(err, &field), errors.Is(err, task.ErrLeaseLost),
		errors.Is(err, task.ErrNotFound), errors.Is(err, task.ErrEnded), errors.Is(err, task.ErrRunning):
		return Refused
	}
	return Unknown
}

// at returns the error of one element.
func at(errs []error, i int) error {
	if errs == nil {
		return nil
	}
	return errs[i]
}

func enqueued(t *task.Task, err error, begin time.Time) Event {
	return Event{
		Type: TypeEnqueue, Begin: begin, Answer: answerOf(err), Queue: t.Queue, ID: t.ID.String(),
		Priority: int(t.Priority), RunAt: t.RunAt, MaxRetry: t.MaxRetry,
	}
}

// Enqueue records a task that took another one's place or became its member under
// that one's id, and no time for it: the lock has its own.
func (b *recorded) Enqueue(ctx context.Context, tasks []*task.Task) []error {
	begin, ids := time.Now(), make([]uuid.UUID, len(tasks))
	for i, t := range tasks {
		ids[i] = t.ID
	}
	errs := b.Broker.Enqueue(ctx, tasks)
	events := make([]Event, len(tasks))
	for i, t := range tasks {
		events[i] = enqueued(t, at(errs, i), begin)
		if t.ID != ids[i] {
			events[i].RunAt = time.Time{}
		}
	}
	b.recorder.Record(events...)
	return errs
}

// Tick records the tick.
func (b *recorded) Tick(ctx context.Context, tick broker.Tick) (broker.Ticked, error) {
	begin := time.Now()
	ticked, err := b.Broker.Tick(ctx, tick)
	e := enqueued(tick.Task, err, begin)
	e.Type, e.Schedule, e.Tick = TypeTick, tick.Schedule, tick.At
	if err == nil && !ticked.Enqueued {
		e.Answer = Refused
	}
	b.recorder.Record(e)
	return ticked, err
}

// Lease records what was leased. The leases last from when the call was made, or
// longer.
func (b *recorded) Lease(ctx context.Context, req broker.LeaseRequest) ([]broker.Lease, error) {
	begin := time.Now()
	leases, err := b.Broker.Lease(ctx, req)
	events := make([]Event, len(leases))
	for i, l := range leases {
		events[i] = Event{Type: TypeLease, Begin: begin, Answer: Accepted, Deliveries: l.Deliveries, Until: l.Expires}.of(&l)
	}
	if len(events) > 0 {
		b.recorder.Record(events...)
	}
	return leases, err
}

// of names the lease that an event is about.
func (e Event) of(l *broker.Lease) Event {
	e.Queue, e.ID, e.Token = l.Queue, l.ID.String(), l.Token
	return e
}

// Extend records how long the leases last now. One whose task is to be cancelled
// is held, too.
func (b *recorded) Extend(ctx context.Context, leases []broker.Lease, by time.Duration) []error {
	begin := time.Now()
	errs := b.Broker.Extend(ctx, leases, by)
	events := make([]Event, len(leases))
	for i := range leases {
		err := at(errs, i)
		if errors.Is(err, task.ErrCancelled) {
			err = nil
		}
		events[i] = Event{Type: TypeExtend, Begin: begin, Answer: answerOf(err)}.of(&leases[i])
		if err == nil {
			events[i].Until = begin.Add(by)
		}
	}
	b.recorder.Record(events...)
	return errs
}

// Settle records the outcomes, before they are sent and after.
func (b *recorded) Settle(ctx context.Context, outcomes []broker.Outcome) []error {
	events, begin := make([]Event, len(outcomes)), time.Now()
	for i := range outcomes {
		o := &outcomes[i]
		events[i] = Event{Type: TypeSettling, Begin: begin, Status: string(o.Status)}.of(&o.Lease)
		if !o.Status.Ended() && o.Status != task.StatusPending {
			events[i].Delay = o.Delay
		}
	}
	b.recorder.Record(events...)
	errs := b.Broker.Settle(ctx, outcomes)
	for i := range events {
		events[i].Type, events[i].Answer, events[i].End = TypeSettle, answerOf(at(errs, i)), time.Time{}
	}
	b.recorder.Record(events...)
	return errs
}

// Revise records what ends tasks or has them run anew. That a running one is to be
// cancelled does not end it, but may.
func (b *recorded) Revise(ctx context.Context, queue string, ids []uuid.UUID, change broker.Change) []error {
	begin := time.Now()
	errs := b.Broker.Revise(ctx, queue, ids, change)
	events := make([]Event, len(ids))
	for i, id := range ids {
		events[i] = Event{
			Type: TypeRevise, Begin: begin, Answer: answerOf(at(errs, i)), Queue: queue, ID: id.String(), Status: string(change.Status),
		}
		if change.Delete {
			events[i].Status = Deleted
		}
	}
	b.recorder.Record(events...)
	return errs
}

// Run records that a handler begins on a task, and returns what it is to call with
// its error at the end.
func (r *Recorder) Run(t *task.Task) (end func(error)) {
	e := Event{
		Type: TypeStart, Queue: t.Queue, ID: t.ID.String(), Token: t.Token, Attempt: t.Attempt, Deliveries: int(t.Deliveries),
	}
	r.Record(e)
	return func(err error) {
		e.Type, e.Status = TypeEnd, "completed"
		if err != nil {
			e.Status = "failed"
		}
		r.Record(e)
	}
}

// Ended records tasks that were seen ended.
func (r *Recorder) Ended(tasks ...*task.Task) {
	events := make([]Event, len(tasks))
	for i, t := range tasks {
		events[i] = Event{Type: TypeEnded, Queue: t.Queue, ID: t.ID.String(), Status: string(t.Status)}
	}
	r.Record(events...)
}
