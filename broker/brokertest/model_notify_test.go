package brokertest

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// announce has every blocked Wait look again.
func (m *store) announce() {
	if m.has("Wait sleeps on") {
		return
	}
	for _, ended := range m.ended {
		close(ended)
	}
	m.ended = nil
}

func (m *model) Wait(ctx context.Context, queue string, id uuid.UUID) (*task.Task, error) {
	var e *entry
	defer func() { m.leave(e) }()
	gone := ctx.Done()
	if m.has("ignores its context while it blocks") {
		gone = nil
	}
	for first := true; ; first = false {
		t, ended, err := m.await(queue, id, &e, first)
		if ended == nil {
			return t, err
		}
		select {
		case <-ended:
		case <-gone:
			return nil, ctx.Err()
		case <-m.closed:
			return nil, task.ErrClosed
		}
	}
}

// await returns a task that has ended, or what is closed when one has.
func (m *model) await(queue string, id uuid.UUID, waited **entry, first bool) (*task.Task, chan struct{}, error) {
	if err := m.inspect(queue); err != nil {
		return nil, nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep()
	e := m.find(queue, id)
	switch {
	case first && m.has("Wait does not look first"):
	case e == nil:
		return nil, nil, task.ErrNotFound
	case e.status.Ended():
		return m.show(e), nil, nil
	}
	if e != nil && *waited == nil {
		e.waiters++
		*waited = e
	}
	ended := make(chan struct{})
	m.ended = append(m.ended, ended)
	return nil, ended, nil
}

func (m *model) leave(e *entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e != nil {
		e.waiters--
	}
}

// listener is a News call.
type listener struct {
	queues []string
	told   chan *entry
}

func (m *model) News(ctx context.Context, queues []string, to broker.Listener) error {
	l := &listener{queues: queues, told: make(chan *entry, 100)}
	m.mu.Lock()
	m.listeners = append(m.listeners, l)
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.listeners = slices.DeleteFunc(m.listeners, func(other *listener) bool { return other == l })
	}()
	gone := ctx.Done()
	if m.has("ignores its context while it blocks") {
		gone = nil
	}
	for {
		select {
		case e := <-l.told:
			to.Cancelled(e.queue, e.id)
		case <-gone:
			return ctx.Err()
		case <-m.closed:
			return task.ErrClosed
		}
	}
}
