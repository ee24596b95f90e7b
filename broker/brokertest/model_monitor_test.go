package brokertest

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// recording is what one Record call said.
type recording struct {
	queue    string
	at       time.Time
	enqueued int64
	tallies  map[string]broker.Tally
}

func (m *model) Beat(_ context.Context, server broker.ServerInfo, lasts time.Duration) error {
	if err := server.Check(lasts); err != nil && !m.has("does not check requests") {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.has("keeps all that servers say") {
		server = server.Cut()
	}
	if m.has("forgets what a server says") {
		server = broker.ServerInfo{Name: server.Name}
	}
	server.SeenAt, server.Expires = m.now(), m.now().Add(lasts)
	for i, s := range m.servers {
		if s.Name == server.Name {
			m.servers[i] = server
			return nil
		}
	}
	m.servers = append(m.servers, server)
	return nil
}

func (m *model) Depart(_ context.Context, name string) error {
	if name == "" && !m.has("does not check requests") {
		return broker.CheckName("name", name)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, s := range m.servers {
		if s.Name == name && !m.has("Depart does nothing") {
			m.servers = append(m.servers[:i:i], m.servers[i+1:]...)
			return nil
		}
	}
	return nil
}

func (m *model) Servers(_ context.Context, cursor string, limit int) ([]broker.ServerInfo, string, error) {
	start := 0
	if !m.has("does not check requests") {
		if err := broker.CheckPage(limit); err != nil {
			return nil, "", err
		}
		var err error
		if start, err = strconv.Atoi("0" + cursor); err != nil {
			return nil, "", &task.FieldError{Field: "cursor", Rule: "must be that of a page"}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var page []broker.ServerInfo
	for i := start; i < min(start+limit, len(m.servers)); i++ {
		if s := m.servers[i]; s.Expires.After(m.now()) || m.has("keeps servers for ever") {
			page = append(page, s)
		}
	}
	if start+limit >= len(m.servers) || m.has("shows one page of servers") {
		return page, "", nil
	}
	return page, strconv.Itoa(start + limit), nil
}

func (m *model) Record(_ context.Context, queue string, tallies map[string]broker.Tally) error {
	if err := broker.CheckTallies(queue, tallies); err != nil && !m.has("does not check requests") {
		return err
	}
	m.act(func(bool) {
		if m.has("knows the last figures alone") {
			m.recordings = nil
		}
		m.recordings = append(m.recordings, recording{queue, m.now(), m.arrivals[queue], tallies})
		if !m.has("counts what was enqueued with each record") {
			delete(m.arrivals, queue)
		}
	})
	return nil
}

func (m *model) Figures(_ context.Context, queue string, from, to time.Time) (broker.Figures, error) {
	if err := m.inspect(queue); err != nil {
		return broker.Figures{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	span := m.span(from, to)
	f := broker.Figures{Now: m.now(), Step: span.Step}
	var last broker.Period
	for _, r := range m.recorded(queue, span) {
		if at := span.Begin(span.Number(r.at)); !at.Equal(last.At) {
			f.Add(&last)
			last = broker.Period{At: at}
		}
		last.Enqueued += r.enqueued
		for name, t := range r.tallies {
			if name != "" || !m.has("leaves what has no name out of the totals") {
				last.Add(&t)
			}
		}
	}
	f.Add(&last)
	return f, nil
}

func (m *model) FiguresByName(_ context.Context, queue string, from, to time.Time) (map[string]*broker.Tally, error) {
	if err := m.inspect(queue); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	names := make(map[string]*broker.Tally)
	for _, r := range m.recorded(queue, m.span(from, to)) {
		for name, t := range r.tallies {
			if names[name] == nil {
				names[name] = &broker.Tally{}
			}
			names[name].Add(&t)
		}
	}
	return names, nil
}

// span returns the periods that somebody asks for.
func (m *model) span(from, to time.Time) broker.Span {
	span := broker.FiguresSpan(from, to, m.now())
	if m.has("knows minutes alone") {
		all := broker.Resolutions()
		all[0].Kept = all[1].Kept
		span = broker.Span{Resolution: all[0], First: all[0].Number(from), End: all[0].Number(m.now()) + 1}
	}
	if m.has("keeps figures for ever") {
		span.First = span.Number(from)
	}
	if m.has("keeps figures for two hours") {
		span.First = max(span.First, span.Number(m.now().Add(-2*time.Hour)))
	}
	return span
}

// recorded returns what was recorded in a queue in these periods, and what was
// enqueued since.
func (m *model) recorded(queue string, span broker.Span) []recording {
	var found []recording
	for _, r := range append(m.recordings[:len(m.recordings):len(m.recordings)], recording{queue, m.now(), m.arrivals[queue], nil}) {
		n := span.Number(r.at)
		outside := n < span.First || n >= span.End
		if outside && !m.has("ignores the time of figures") || r.queue != queue && !m.has("knows figures once for all queues") {
			continue
		}
		found = append(found, r)
	}
	return found
}

func (m *model) Standing(_ context.Context, queue string, id uuid.UUID) (broker.Standing, error) {
	if err := m.inspect(queue); err != nil {
		return broker.Standing{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.find(queue, id)
	if e == nil {
		return broker.Standing{}, task.ErrNotFound
	}
	s := broker.Standing{Task: m.show(e), Now: m.now()}
	if e.status == task.StatusRunning && !m.has("tells of no lease") {
		s.Expires, s.Deliveries, s.Token = e.at, e.deliveries, e.token
	}
	if e.status == task.StatusPending && !m.has("does not count what goes before") {
		for s.Ahead < len(m.standing(queue, e.status)) && m.standing(queue, e.status)[s.Ahead] != e {
			s.Ahead++
		}
	}
	if l := m.locks[m.lockKey(e.task)]; l != nil && l.next == e && m.open(l.holder) && !m.has("does not tell who is waited for") {
		s.Behind = l.holder.id
	}
	return s, nil
}

// oldest is for how long the task has been due that waits longest.
func (m *model) oldest(queue string) (oldest time.Duration) {
	for _, e := range m.standing(queue, task.StatusPending) {
		if e.how != "" && m.has("surveys no malformed task") {
			return 0
		}
		if !e.task.StartedAt.IsZero() && !m.has("takes the age of a retry for its wait") {
			continue
		}
		due := e.task.EnqueuedAt
		if e.task.RunAt.After(due) {
			due = e.task.RunAt
		}
		if age := m.now().Sub(due); age > oldest {
			oldest = age
		}
		if m.has("takes the first for the oldest") {
			return oldest
		}
	}
	return oldest
}
