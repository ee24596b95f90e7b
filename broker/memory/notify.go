package memory

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// waitedKeep is how long a task stays readable that somebody waits for.
const waitedKeep = time.Minute

// Wait implements broker.Notifier.
func (b *Broker) Wait(ctx context.Context, queue string, id uuid.UUID) (*task.Task, error) {
	for {
		t, ended, err := b.await(queue, id)
		if ended == nil {
			return t, err
		}
		select {
		case <-ended:
		case <-ctx.Done():
			b.depart(queue, id, ended)
			return nil, ctx.Err()
		case <-b.done:
			return nil, task.ErrClosed
		}
	}
}

// await returns a task that has ended, or what is closed when it has.
func (b *Broker) await(queue string, id uuid.UUID) (*task.Task, chan struct{}, error) {
	q, now, err := b.inspect(queue)
	if err != nil {
		return nil, nil, err
	}
	defer b.exit(now, 0)
	if q == nil || q.tasks[id] == nil || q.tasks[id].overdue(now.UnixNano()) {
		return nil, nil, task.ErrNotFound
	}
	e := q.tasks[id]
	if e.task.Status.Ended() {
		return e.standing(), nil, nil
	}
	ended := make(chan struct{})
	e.waiters = append(e.waiters, ended)
	return nil, ended, nil
}

// depart forgets one who waits.
func (b *Broker) depart(queue string, id uuid.UUID, ended chan struct{}) {
	q, now, err := b.inspect(queue)
	if err != nil {
		return
	}
	defer b.exit(now, 0)
	if q == nil || q.tasks[id] == nil {
		return
	}
	e := q.tasks[id]
	for i, other := range e.waiters {
		if other == ended {
			e.waiters = append(e.waiters[:i:i], e.waiters[i+1:]...)
			return
		}
	}
}

// announce tells those who wait that the task has ended or is gone.
func (e *entry) announce() {
	for _, waiter := range e.waiters {
		close(waiter)
	}
	e.waiters = nil
}

// listener is a News call.
type listener struct {
	queues map[string]struct{}
	told   []bulletin
	news   chan struct{} // holds a value after something was told
}

// bulletin tells that a task is to be cancelled or, without one, that the queue
// was paused.
type bulletin struct {
	queue string
	id    uuid.UUID
}

func (n bulletin) tell(to broker.Listener) {
	switch {
	case n.id == uuid.Nil && to.Paused != nil:
		to.Paused(n.queue)
	case n.id != uuid.Nil && to.Cancelled != nil:
		to.Cancelled(n.queue, n.id)
	}
}

// News implements broker.Notifier.
func (b *Broker) News(ctx context.Context, queues []string, to broker.Listener) error {
	req := broker.LeaseRequest{Max: 1, Duration: time.Second, Queues: queues}
	if err := req.Check(); err != nil {
		return err
	}
	l := &listener{queues: make(map[string]struct{}), news: make(chan struct{}, 1)}
	for _, queue := range queues {
		l.queues[queue] = struct{}{}
	}
	now, err := b.enter(ctx)
	if err != nil {
		return err
	}
	b.listeners[l] = struct{}{}
	b.exit(now, 0)
	defer b.unlisten(l)
	for {
		select {
		case <-l.news:
		case <-ctx.Done():
			return ctx.Err()
		case <-b.done:
			return task.ErrClosed
		}
		for _, n := range b.heard(l) {
			n.tell(to)
		}
	}
}

func (b *Broker) heard(l *listener) []bulletin {
	_ = b.lock.acquire(context.Background())
	defer b.lock.release()
	told := l.told
	l.told = nil
	return told
}

func (b *Broker) unlisten(l *listener) {
	_ = b.lock.acquire(context.Background())
	defer b.lock.release()
	delete(b.listeners, l)
}

func (b *Broker) tell(n bulletin) {
	for l := range b.listeners {
		if _, ok := l.queues[n.queue]; !ok {
			continue
		}
		l.told = append(l.told, n)
		select {
		case l.news <- struct{}{}:
		default:
		}
	}
}
