package redistest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
)

const (
	shards = 3
	slots  = 16384
)

var errNoOwner = errors.New("no primary serves the slot yet")

// Cluster is one of three primaries with a replica each. Its methods may be
// called concurrently.
type Cluster struct {
	nodes   []*Server // the primaries as it began, then their replicas
	clients []*goredis.Client
	ids     []string
}

// StartCluster starts a Cluster, and returns once it serves and each replica
// could take over. The args are those of each node, as of Start.
func StartCluster(t testing.TB, args ...string) *Cluster {
	t.Helper()
	c := &Cluster{}
	mode := []string{
		"--cluster-enabled", "yes", "--cluster-node-timeout", "1500",
		"--cluster-replica-validity-factor", "0", "--cluster-allow-replica-migration", "no",
	}
	for range 2 * shards {
		node := Start(t, slices.Concat(mode, quickSync, args)...)
		c.nodes, c.clients = append(c.nodes, node), append(c.clients, node.Client(t))
	}
	if err := c.form(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, func(ctx context.Context) error { return c.acquainted(ctx, len(c.nodes)) })
	for i := shards; i < len(c.nodes); i++ {
		await(t, func(ctx context.Context) error {
			return c.clients[i].ClusterReplicate(ctx, c.ids[i-shards]).Err()
		})
	}
	c.AwaitOK(t)
	c.AwaitSync(t)
	return c
}

// form gives each primary its slots, and introduces all nodes to each other.
func (c *Cluster) form(ctx context.Context) error {
	for i, client := range c.clients {
		id, err := client.ClusterMyID(ctx).Result()
		if err != nil {
			return err
		}
		c.ids = append(c.ids, id)
		// Without epochs of their own the nodes would have to sort out who is who.
		if err := client.Do(ctx, "cluster", "set-config-epoch", i+1).Err(); err != nil {
			return err
		}
		if i < shards {
			if err := client.ClusterAddSlotsRange(ctx, i*slots/shards, (i+1)*slots/shards-1).Err(); err != nil {
				return err
			}
		}
		if err := client.ClusterMeet(ctx, "127.0.0.1", fmt.Sprint(c.nodes[0].port)).Err(); err != nil {
			return err
		}
	}
	return nil
}

// acquainted reports whether each running node knows so many, itself included.
func (c *Cluster) acquainted(ctx context.Context, n int) error {
	return c.each(ctx, func(client *goredis.Client) error {
		text, err := client.ClusterNodes(ctx).Result()
		known := 0
		for line := range strings.Lines(text) {
			if strings.Contains(line, " connected") && !strings.Contains(line, "handshake") {
				known++
			}
		}
		if err == nil && known < n {
			err = fmt.Errorf("a node knows %d of %d", known, n)
		}
		return err
	})
}

// each asks the nodes that run.
func (c *Cluster) each(ctx context.Context, ask func(*goredis.Client) error) error {
	for i, node := range c.nodes {
		if !node.answers() {
			continue
		}
		if err := ask(c.clients[i]); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Addrs returns host and port of each node.
func (c *Cluster) Addrs() []string { return addrs(c.nodes) }

// URL returns the addresses as a redis+cluster:// URL.
func (c *Cluster) URL() string { return "redis+cluster://" + strings.Join(c.Addrs(), ",") }

// Nodes returns all nodes, those that have ended too.
func (c *Cluster) Nodes() []*Server { return slices.Clone(c.nodes) }

// AwaitOK waits until every node that runs says that the Cluster serves all
// slots and that it knows who serves them.
func (c *Cluster) AwaitOK(t testing.TB) {
	t.Helper()
	await(t, func(ctx context.Context) error {
		return c.each(ctx, func(client *goredis.Client) error {
			text, err := client.ClusterInfo(ctx).Result()
			if state := fields(text)["cluster_state"]; err == nil && state != "ok" {
				err = fmt.Errorf("cluster_state is %q", state)
			}
			return err
		})
	})
}

// AwaitSync waits until each replica has what its primary has now.
func (c *Cluster) AwaitSync(t testing.TB) {
	t.Helper()
	await(t, func(ctx context.Context) error {
		return c.each(ctx, func(client *goredis.Client) error { return c.synced(ctx, client) })
	})
}

// synced reports whether a node, if it is a replica, has all.
func (c *Cluster) synced(ctx context.Context, client *goredis.Client) error {
	said, err := replication(ctx, client)
	if err != nil || said["role"] == "master" {
		return err
	}
	for i, node := range c.nodes {
		if fmt.Sprint(node.port) == said["master_port"] {
			return inSync(ctx, c.clients[i], client)
		}
	}
	return errBehind
}

// Slot returns the slot of a key.
func (c *Cluster) Slot(t testing.TB, key string) int {
	t.Helper()
	var slot int64
	await(t, func(ctx context.Context) error {
		return c.each(ctx, func(client *goredis.Client) (err error) {
			slot, err = client.ClusterKeySlot(ctx, key).Result()
			return err
		})
	})
	return int(slot)
}

// Owner returns the primary that serves the key, by the word of all nodes that
// run, and waits until they agree on one. One that was killed stays it until
// the failover.
func (c *Cluster) Owner(t testing.TB, key string) *Server {
	t.Helper()
	slot := c.Slot(t, key)
	var owner *Server
	await(t, func(ctx context.Context) (err error) {
		owner, err = c.owner(ctx, slot)
		return err
	})
	return owner
}

func (c *Cluster) owner(ctx context.Context, slot int) (*Server, error) {
	var owner *Server
	err := c.each(ctx, func(client *goredis.Client) error {
		//lint:ignore SA1019 Redis 6.2 has no CLUSTER SHARDS
		ranges, err := client.ClusterSlots(ctx).Result()
		if err != nil {
			return err
		}
		named := c.named(ranges, slot)
		if named == nil || owner != nil && owner != named {
			return errNoOwner
		}
		owner = named
		return nil
	})
	return owner, err
}

// named returns the node that is said to serve the slot, or nil.
func (c *Cluster) named(ranges []goredis.ClusterSlot, slot int) *Server {
	for _, r := range ranges {
		if slot < r.Start || slot > r.End || len(r.Nodes) == 0 {
			continue
		}
		if i := slices.Index(c.ids, r.Nodes[0].ID); i >= 0 {
			return c.nodes[i]
		}
	}
	return nil
}

// KillOwner ends the primary that serves the key as a crash would, and returns
// it.
func (c *Cluster) KillOwner(t testing.TB, key string) *Server {
	t.Helper()
	owner := c.Owner(t, key)
	owner.Kill()
	return owner
}

// AwaitFailover waits until another node than the former serves the key, and
// the Cluster all slots. It returns the new one.
func (c *Cluster) AwaitFailover(t testing.TB, key string, former *Server) *Server {
	t.Helper()
	slot := c.Slot(t, key)
	var now *Server
	await(t, func(ctx context.Context) (err error) {
		if now, err = c.owner(ctx, slot); err == nil && now == former {
			err = errNoOwner
		}
		return err
	})
	c.AwaitOK(t)
	return now
}
