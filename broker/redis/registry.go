package redis

import (
	"context"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

const (
	registryTTL = time.Minute // after FLUSHALL the names are back within it
	registryMax = 10_000      // names remembered
)

// registry keeps the set of queue names up to date. It remembers what it has
// added lately, so that the hot path seldom pays for it.
type registry struct {
	mu    sync.Mutex
	added map[string]time.Time
}

// naming adds queues to the set on the way of a pipeline.
type naming struct {
	ctx      context.Context
	registry *registry
	key      string
	queues   []any
	cmd      *goredis.IntCmd
}

// name returns what a pipeline has to do besides, or nil. The set may name a
// queue that has no task, but no task lives in a queue that it does not name
// for longer than registryTTL.
func (r *registry) name(ctx context.Context, b *Broker, queues []string) *naming {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := &naming{ctx: ctx, registry: r, key: b.queuesKey()}
	now := time.Now()
	for _, queue := range queues {
		if now.Sub(r.added[queue]) > registryTTL {
			n.queues = append(n.queues, queue)
		}
	}
	if n.queues == nil {
		return nil
	}
	return n
}

// forget has the next call name the queue again.
func (r *registry) forget(queue string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.added, queue)
}

func (n *naming) send(p goredis.Pipeliner) { n.cmd = p.SAdd(n.ctx, n.key, n.queues...) }

// note remembers the queues, if they were added.
func (n *naming) note() {
	if n.cmd.Err() != nil {
		return
	}
	r := n.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.added == nil || len(r.added) > registryMax {
		r.added = make(map[string]time.Time)
	}
	for _, queue := range n.queues {
		r.added[queue.(string)] = time.Now()
	}
}
