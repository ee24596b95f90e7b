package redis

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
)

// namingTime is how long after its first tasks a queue may be without its name,
// which is written by the same round trip.
const namingTime = 500 * time.Millisecond

// keyspace is what there is under the prefix.
type keyspace struct {
	doctor
	mu     sync.Mutex
	queues map[string]bool // with tasks, or not
	named  []string
	found  []Finding
}

// examineKeyspace examines all queues, and what there is beside them.
func (d doctor) examineKeyspace(ctx context.Context) ([]Finding, error) {
	s := &keyspace{doctor: d, queues: make(map[string]bool)}
	if err := s.scan(ctx); err != nil {
		return s.found, wrap("examine keys in redis", err)
	}
	names, err := s.names(ctx)
	if err != nil {
		return s.found, wrap("examine queues in redis", err)
	}
	found, err := d.examineAll(ctx, names)
	s.found = append(s.found, found...)
	if err == nil {
		err = wrap("examine queues in redis", s.checkNames(ctx, names))
	}
	return s.found, err
}

func (s *keyspace) report(queue, key string, kind Kind, detail string) {
	s.found = append(s.found, Finding{Queue: queue, Key: key, Kind: kind, Detail: detail})
}

// scan looks at every key under the prefix, on each server of a Cluster.
func (s *keyspace) scan(ctx context.Context) error {
	if cluster, ok := s.client.(*goredis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, c *goredis.Client) error { return s.scanServer(ctx, c) })
	}
	return s.scanServer(ctx, s.client)
}

// literal makes a pattern of Redis match a text as it is.
var literal = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`, "^", `\^`)

func (s *keyspace) scanServer(ctx context.Context, c goredis.Cmdable) error {
	for cursor := uint64(0); ; {
		page, next, err := c.Scan(ctx, cursor, literal.Replace(s.prefix)+":*", 1000).Result()
		if err != nil {
			return err
		}
		if err := s.see(ctx, c, page); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

func (s *keyspace) see(ctx context.Context, c goredis.Cmdable, page []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range page {
		queue, name, ok := s.split(key)
		kind := passingType(name)
		switch {
		case key == s.queuesKey(), key == s.serversKey(), key == s.serverInfoKey():
		case !ok && s.foreign(key):
		case ok && kind != "":
			if err := s.checkPassing(ctx, c, queue, key, kind); err != nil {
				return err
			}
		case !ok || typesOf[name] == "":
			s.report(queue, key, KindLostKey, "no part of Jobsy uses it")
		default:
			s.queues[queue] = s.queues[queue] || slices.Contains(taskKeys, name)
		}
	}
	return nil
}

// split returns the queue of a key and what the key is called there.
func (s *keyspace) split(key string) (queue, name string, ok bool) {
	rest, ok := strings.CutPrefix(key, s.prefix+":{")
	if !ok {
		return "", "", false
	}
	queue, name, ok = strings.Cut(rest, "}:")
	return queue, name, ok && broker.CheckQueue("Queue", queue) == nil
}

// foreign reports whether a key is one of a broker whose prefix begins with this
// one's.
func (s *keyspace) foreign(key string) bool {
	before, rest, ok := strings.Cut(key, ":{")
	if !ok {
		return strings.HasSuffix(key, ":queues") || strings.HasSuffix(key, ":servers")
	}
	if strings.HasSuffix(before, ":server-info") {
		return true
	}
	_, name, ok := strings.Cut(rest, "}:")
	return ok && before != s.prefix && (typesOf[name] != "" || passingType(name) != "")
}

// checkPassing looks at a key that has to go by itself.
func (s *keyspace) checkPassing(ctx context.Context, c goredis.Cmdable, queue, key, want string) error {
	kind, err := c.Type(ctx, key).Result()
	if err != nil {
		return err
	}
	if kind != want && kind != "none" {
		s.report(queue, key, KindBadType, "it is a "+kind+", not a "+want)
		return nil
	}
	left, err := c.PTTL(ctx, key).Result()
	if err == nil && left == -1 {
		s.report(queue, key, KindNoExpiry, "it would be remembered forever")
	}
	return err
}

// names returns all queues, also those without a name or without a key.
func (s *keyspace) names(ctx context.Context) ([]string, error) {
	kind, err := s.client.Type(ctx, s.queuesKey()).Result()
	if err != nil {
		return nil, err
	}
	if kind != "set" && kind != "none" {
		s.report("", s.queuesKey(), KindBadType, "it is a "+kind+", not a set")
		kind = "none"
	}
	for cursor := uint64(0); kind == "set"; {
		page, next, err := s.client.SScan(ctx, s.queuesKey(), cursor, "", 1000).Result()
		if err != nil {
			return nil, err
		}
		s.named = append(s.named, page...)
		if cursor = next; cursor == 0 {
			break
		}
	}
	var all []string
	for queue := range s.queues {
		all = append(all, queue)
	}
	for _, queue := range s.named {
		if broker.CheckQueue("Queue", queue) == nil {
			all = append(all, queue)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// checkNames compares the names with the queues. What does not fit is looked at
// again after a while.
func (s *keyspace) checkNames(ctx context.Context, queues []string) error {
	suspects := slices.DeleteFunc(slices.Clone(s.named), func(queue string) bool {
		_, there := s.queues[queue]
		return there
	})
	for _, queue := range queues {
		if s.queues[queue] && !slices.Contains(s.named, queue) {
			suspects = append(suspects, queue)
		}
	}
	if len(suspects) == 0 {
		return nil
	}
	select {
	case <-time.After(namingTime):
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, queue := range suspects {
		kind, err := s.naming(ctx, queue)
		if err != nil {
			return err
		}
		if kind != "" {
			s.found = append(s.found, Finding{Queue: queue, Key: s.queuesKey(), ID: queue, Kind: kind})
		}
	}
	return nil
}

// naming says what is wrong with the name of a queue, if anything.
func (d doctor) naming(ctx context.Context, queue string) (Kind, error) {
	if broker.CheckQueue("Queue", queue) != nil {
		return KindNoQueue, nil
	}
	named, err := d.client.SIsMember(ctx, d.queuesKey(), queue).Result()
	if err != nil {
		if goredis.HasErrorPrefix(err, "WRONGTYPE") {
			return "", nil
		}
		return "", err
	}
	names := taskKeys
	if named {
		names = nil
		for name := range typesOf {
			names = append(names, name)
		}
	}
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = d.keys(queue).base + name
	}
	there, err := d.client.Exists(ctx, keys...).Result()
	switch {
	case err != nil:
		return "", err
	case !named && there > 0:
		return KindUnnamed, nil
	case named && there == 0:
		return KindNoQueue, nil
	}
	return "", nil
}

// repairKey repairs what belongs to no queue alone.
func (d doctor) repairKey(ctx context.Context, f *Finding) error {
	if f.Kind == KindNoExpiry {
		left, err := d.client.PTTL(ctx, f.Key).Result()
		if err == nil && left == -1 {
			err = d.client.PExpire(ctx, f.Key, replyMemory).Err()
		}
		return err
	}
	kind, err := d.naming(ctx, f.Queue)
	if err != nil {
		return err
	}
	switch kind {
	case KindUnnamed:
		return d.client.SAdd(ctx, d.queuesKey(), f.Queue).Err()
	case KindNoQueue:
		return d.unname(ctx, f.Queue)
	}
	return nil
}

// unname removes the name of a queue, and puts it back if the queue came into use
// meanwhile.
func (d doctor) unname(ctx context.Context, queue string) error {
	err := d.client.SRem(ctx, d.queuesKey(), queue).Err()
	if err != nil || broker.CheckQueue("Queue", queue) != nil {
		return err
	}
	kind, err := d.naming(ctx, queue)
	if err == nil && kind == KindUnnamed {
		err = d.client.SAdd(ctx, d.queuesKey(), queue).Err()
	}
	return err
}
