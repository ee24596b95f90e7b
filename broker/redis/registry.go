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

// add returns what a pipeline has to do besides, or nil. The set may name a
// queue that has no task, but no task lives in a queue that it does not name
// for longer than registryTTL.
func (r *registry) add(ctx context.Context, b *Broker, queues []string) func(goredis.Pipeliner) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.added == nil || len(r.added) > registryMax {
		r.added = make(map[string]time.Time)
	}
	now := time.Now()
	var fresh []any
	for _, queue := range queues {
		if now.Sub(r.added[queue]) > registryTTL {
			r.added[queue] = now
			fresh = append(fresh, queue)
		}
	}
	if fresh == nil {
		return nil
	}
	return func(p goredis.Pipeliner) { p.SAdd(ctx, b.queuesKey(), fresh...) }
}
