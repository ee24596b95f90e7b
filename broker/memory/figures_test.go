package memory_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
)

// Names beyond the most are counted together.
func TestFiguresOfTooManyNames(t *testing.T) {
	t.Parallel()
	b := memory.New(nil)
	defer b.Close()
	const names = broker.MaxNamesKept + broker.MaxNames
	for i := range names {
		if err := b.Record(t.Context(), "q", map[string]broker.Tally{fmt.Sprint(i): {Completed: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	found, err := b.FiguresByName(t.Context(), "q", now.Add(-3*time.Hour), now)
	if err != nil {
		t.Fatal(err)
	}
	var all int64
	for _, tally := range found {
		all += tally.Completed
	}
	// The test may have gone on for two periods.
	if all != names || len(found) > 2*(broker.MaxNamesKept+1) || len(found) < broker.MaxNamesKept+1 {
		t.Errorf("figures of %d names, %d in all", len(found), all)
	}
}
