package memory

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// Beat implements broker.Monitor.
func (b *Broker) Beat(_ context.Context, server broker.ServerInfo, lasts time.Duration) error {
	if err := server.Check(lasts); err != nil {
		return err
	}
	said := server.Cut()
	now, err := b.enter(context.Background())
	if err != nil {
		return err
	}
	defer b.exit(now, 0)
	b.tidyServers(now)
	said.SeenAt, said.Expires = now.Round(0), time.Unix(0, after(now, lasts))
	b.servers[said.Name] = said
	return nil
}

func (b *Broker) tidyServers(now time.Time) {
	for name, s := range b.servers {
		if !s.Expires.After(now) {
			delete(b.servers, name)
		}
	}
}

// Depart implements broker.Monitor.
func (b *Broker) Depart(_ context.Context, name string) error {
	if err := broker.CheckName("ServerInfo.Name", name); err != nil {
		return err
	}
	now, err := b.enter(context.Background())
	if err != nil {
		return err
	}
	defer b.exit(now, 0)
	delete(b.servers, name)
	return nil
}

// Servers implements broker.Monitor. The cursor is the name of the last one that
// was seen, in quotes.
func (b *Broker) Servers(_ context.Context, cursor string, limit int) ([]broker.ServerInfo, string, error) {
	if err := broker.CheckPage(limit); err != nil {
		return nil, "", err
	}
	seen, err := parseName(cursor)
	if err != nil {
		return nil, "", err
	}
	now, err := b.enter(context.Background())
	if err != nil {
		return nil, "", err
	}
	defer b.exit(now, 0)
	b.tidyServers(now)
	names, next := pageOf(b.servers, seen, limit)
	servers := make([]broker.ServerInfo, len(names))
	for i, name := range names {
		servers[i] = b.servers[name].Cut()
	}
	return servers, next, nil
}

// pageOf returns the first keys after seen, and the cursor of the next page.
func pageOf[V any](all map[string]V, seen string, limit int) (names []string, next string) {
	for name := range all {
		if name > seen {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) > limit {
		names = names[:limit]
		next = strconv.Quote(names[limit-1])
	}
	return names, next
}

func parseName(cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	name, err := strconv.Unquote(cursor)
	if err != nil {
		return "", &task.FieldError{Field: "cursor", Rule: "must be what an earlier page returned", Value: strconv.Quote(cursor)}
	}
	return name, nil
}

// Standing implements broker.Monitor.
func (b *Broker) Standing(_ context.Context, queue string, id uuid.UUID) (broker.Standing, error) {
	q, now, err := b.inspect(queue)
	if err != nil {
		return broker.Standing{}, err
	}
	defer b.exit(now, 0)
	if q == nil {
		return broker.Standing{}, task.ErrNotFound
	}
	e := q.tasks[id]
	if e == nil || e.overdue(now.UnixNano()) {
		return broker.Standing{}, task.ErrNotFound
	}
	s := broker.Standing{Task: e.standing(), Now: now.Round(0), Parked: e.parked()}
	switch {
	case e.task.Status == task.StatusPending:
		s.Ahead = q.pending.ahead(e.key, broker.MaxAhead)
	case e.task.Status == task.StatusRunning:
		s.Expires, s.Deliveries, s.Token = time.Unix(0, e.key.at), int(e.task.Deliveries), e.task.Token
	case e.task.Unique.Mode == task.Latest:
		if h := b.holds[holdID{queue, broker.LockKey(e.task)}]; h != nil && h.next == e {
			s.Behind = h.task
		}
	}
	return s, nil
}

// ahead counts the items that go before a key, up to a number. It looks at
// hardly more than it counts, for below one that does not go before there is
// none that does.
func (h *heap) ahead(k key, most int) int {
	n, look := 0, []int{0}
	for len(look) > 0 && n < most {
		at := look[len(look)-1]
		look = look[:len(look)-1]
		if at >= len(h.items) || !h.items[at].before(k) {
			continue
		}
		n++
		for child, end := h.children(at); child < end; child++ {
			look = append(look, child)
		}
	}
	return n
}

// oldest returns for how long the task that waits longest has been due: of the
// pending ones it looks at the first of each of 32 priorities.
func (q *queue) oldest(now time.Time) time.Duration {
	since := now.UnixNano()
	since = min(since, q.scheduled.next(), q.retrying.next())
	for _, e := range q.pending.leaders(prioritiesLooked) {
		if due := max(nanos(e.task.RunAt), nanos(e.task.EnqueuedAt)); due > 0 && e.task.StartedAt.IsZero() {
			since = min(since, due)
		}
	}
	return time.Duration(now.UnixNano() - since)
}

const (
	// prioritiesLooked is how many priorities a look for the oldest task sees.
	prioritiesLooked = 32
	// leadersLooked is about how many items it looks at.
	leadersLooked = 20_000
)

// leaders returns the first entry of each priority, of as many as asked for. Of
// a large heap it looks at one in so many items, the first among them.
func (h *heap) leaders(most int) []*entry {
	first := make(map[task.Priority]*entry)
	stride := 1 + len(h.items)/leadersLooked
	for i := 0; i < len(h.items); i += stride {
		it := h.items[i]
		p := it.entry.task.Priority
		if seen := first[p]; seen == nil && len(first) < most || seen != nil && it.before(seen.key) {
			first[p] = it.entry
		}
	}
	entries := make([]*entry, 0, len(first))
	for _, e := range first {
		entries = append(entries, e)
	}
	return entries
}
