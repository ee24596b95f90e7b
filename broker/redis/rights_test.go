package redis_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/brokertest"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
)

// documentedRights returns the words of the ACL SETUSER that the documentation
// shows, for keys of tests.
func documentedRights(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rule, _ := strings.Cut(string(page), "ACL SETUSER jobsy")
	rule, _, found := strings.Cut(rule, "```")
	if !found {
		t.Fatal("docs/operations.md shows no ACL SETUSER jobsy")
	}
	return strings.Fields(strings.NewReplacer("PASSWORD", "secret", "jobsy:*", "test-*").Replace(rule))
}

// The rights that the documentation names are enough for the whole suite, and all
// of them are used.
func TestRights(t *testing.T) {
	server := redistest.Start(t)
	admin := server.Client(t)
	rights := documentedRights(t)
	args := []any{"ACL", "SETUSER", "jobsy"}
	for _, word := range rights {
		args = append(args, word)
	}
	if err := admin.Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
	t.Run("conformance", func(t *testing.T) {
		b := newBench(func(testing.TB) string { return server.Addr() })
		b.user = "jobsy:secret@"
		h := b.harness()
		leftovers := h.Leftovers
		h.Leftovers = func(t testing.TB, opened broker.Broker) []string {
			p := b.at(opened)
			looking := redis.New(p.client, &redis.Options{Prefix: p.prefix}) // Examine needs more rights
			defer looking.Close()
			b.mu.Lock()
			b.places[looking] = p
			b.mu.Unlock()
			return leftovers(t, looking)
		}
		brokertest.Run(t, h)
	})
	opened, err := redis.Open("redis://jobsy:secret@"+server.Addr(), &redis.Options{Prefix: "test-ping"})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	if err := opened.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	info, err := admin.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range rights {
		command, ok := strings.CutPrefix(word, "+")
		if command == "unsubscribe" { // after a minute without anyone to hear
			continue
		}
		if ok && !strings.Contains(info, "cmdstat_"+command+":") {
			err = errors.Join(err, errors.New(command+" is never called"))
		}
	}
	if err != nil {
		t.Error(err)
	}
	if denied, _ := admin.Do(t.Context(), "ACL", "LOG", 20).Slice(); len(denied) > 0 {
		t.Errorf("denied: %v", denied)
	}
}
