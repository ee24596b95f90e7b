package redistest

import (
	"context"
	"testing"

	goredis "github.com/redis/go-redis/v9"
)

// Move is a slot on its way from one primary to another. Until it has ended, a
// key that is not on the old one any more is answered with ASK.
type Move struct {
	cluster  *Cluster
	slot     int
	from, to int // positions of the nodes
}

// BeginMove begins to move the slot of the key to another primary. No key has
// moved yet.
func (c *Cluster) BeginMove(t testing.TB, key string, to *Server) *Move {
	t.Helper()
	m := &Move{cluster: c, slot: c.Slot(t, key), from: c.position(c.Owner(t, key)), to: c.position(to)}
	must(t, c.clients[m.to].Do(t.Context(), "cluster", "setslot", m.slot, "importing", c.ids[m.from]))
	must(t, c.clients[m.from].Do(t.Context(), "cluster", "setslot", m.slot, "migrating", c.ids[m.to]))
	return m
}

func (c *Cluster) position(node *Server) int {
	for i := range c.nodes {
		if c.nodes[i] == node {
			return i
		}
	}
	return -1
}

func must(t testing.TB, cmd goredis.Cmder) {
	t.Helper()
	if err := cmd.Err(); err != nil {
		t.Fatal(err)
	}
}

// Keys moves up to n keys and returns how many it has.
func (m *Move) Keys(t testing.TB, n int) int {
	t.Helper()
	from, to := m.cluster.clients[m.from], m.cluster.nodes[m.to]
	keys := from.ClusterGetKeysInSlot(t.Context(), m.slot, n)
	must(t, keys)
	for _, key := range keys.Val() {
		must(t, from.Do(t.Context(), "migrate", "127.0.0.1", to.port, key, 0, patience.Milliseconds()))
	}
	return len(keys.Val())
}

// End moves the keys that are left, has every node know of it, and waits until
// it does. What asks the old one from now on is answered with MOVED.
func (m *Move) End(t testing.TB) {
	t.Helper()
	for m.Keys(t, 100) > 0 {
	}
	c := m.cluster
	for _, i := range []int{m.to, m.from} { // in this order no moment is without an owner
		must(t, c.clients[i].Do(t.Context(), "cluster", "setslot", m.slot, "node", c.ids[m.to]))
	}
	await(t, func(ctx context.Context) error {
		owner, err := c.owner(ctx, m.slot)
		if err == nil && owner != c.nodes[m.to] {
			err = errNoOwner
		}
		return err
	})
}

// MoveSlot moves the slot of the key to another primary.
func (c *Cluster) MoveSlot(t testing.TB, key string, to *Server) {
	t.Helper()
	c.BeginMove(t, key, to).End(t)
}
