package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The scripts need ZMSCORE, which came with this version.
const minMajor, minMinor = 6, 2

// serverCheck looks once, before the first call, at what the server is.
type serverCheck struct {
	passed atomic.Bool
	mu     sync.Mutex
}

func (s *serverCheck) check(ctx context.Context, b *Broker) error {
	if s.passed.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.passed.Load() {
		return nil
	}
	info, err := b.client.Info(ctx).Result()
	switch {
	case err != nil && ended(ctx) != nil: // the network tells of it in its own words
		return ended(ctx)
	case err != nil && unavailable(err):
		return wrap("connect to redis", err)
	case err != nil: // not permitted, most likely: then the scripts will tell
		b.log.Warn("cannot check the redis server: INFO failed", "error", err)
	default:
		if err := judgeServer(parseInfo(info), b); err != nil {
			return err
		}
	}
	s.passed.Store(true)
	return nil
}

// ended is why a context has ended, or nil. The network may notice before it that
// its deadline has passed.
func ended(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && ctx.Err() == nil && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

func judgeServer(info map[string]string, b *Broker) error {
	if version := info["redis_version"]; version != "" && !recent(version) {
		return fmt.Errorf("redis server is version %s, but %d.%d or later is needed", version, minMajor, minMinor)
	}
	if policy := info["maxmemory_policy"]; policy != "" && policy != "noeviction" {
		b.log.Warn("redis may evict tasks when its memory is full: set maxmemory-policy to noeviction",
			"maxmemory-policy", policy, "maxmemory", info["maxmemory"])
	}
	return nil
}

func recent(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return true
	}
	major, errMajor := strconv.Atoi(parts[0])
	minor, errMinor := strconv.Atoi(parts[1])
	if errMajor != nil || errMinor != nil {
		return true
	}
	return major > minMajor || major == minMajor && minor >= minMinor
}

// parseInfo reads the "name:value" lines of INFO.
func parseInfo(text string) map[string]string {
	info := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	return info
}
