package redistest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Sent counts what clients of Jobsy have sent to the server: not the commands
// inside of scripts, nor those of a test that looks on.
func (s *Server) Sent(t testing.TB) int {
	t.Helper()
	stats, err := s.Client(t).InfoMap(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for name, values := range stats["Commandstats"] {
		command := strings.TrimPrefix(name, "cmdstat_")
		if !slices.Contains([]string{"evalsha", "eval", "bzpopmin", "ping", "sadd", "hello"}, command) && !strings.HasPrefix(command, "client|") {
			continue
		}
		calls := 0
		if _, err := fmt.Sscanf(values, "calls=%d", &calls); err != nil {
			t.Fatal(err)
		}
		total += calls
	}
	return total
}
