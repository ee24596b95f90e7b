package dashboard

import (
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
)

// TestColumns: a chart has room for all of its time, each of its columns for whole
// periods, and each period is in the column of its time.
func TestColumns(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 6, 47, 12, 0, time.UTC)
	for _, test := range []struct {
		minutes    int
		step, want time.Duration
		n          int
	}{
		{10, time.Minute, time.Minute, 10},
		{60, time.Minute, time.Minute, 60},
		{72, time.Minute, time.Minute, 72},
		{73, time.Minute, 2 * time.Minute, 37},
		{120, time.Minute, 2 * time.Minute, 60},
		{120, 10 * time.Minute, 10 * time.Minute, 12},
		{121, 10 * time.Minute, 10 * time.Minute, 13},
		{360, 10 * time.Minute, 10 * time.Minute, 36},
		{720, 10 * time.Minute, 10 * time.Minute, 72},
		{721, 10 * time.Minute, 20 * time.Minute, 37},
		{1440, 10 * time.Minute, 20 * time.Minute, 72},
	} {
		f := dayOf(now, test.step)
		all := columns(f, test.minutes)
		end := now.Truncate(test.step).Add(test.step)
		if len(all) != test.n || !all[test.n-1].last.Equal(end) || all[0].last.Sub(all[0].at) != test.want {
			t.Errorf("%d minutes by %s: %d columns, the last until %s; want %d until %s, of %s each", test.minutes, test.step, len(all),
				all[len(all)-1].last, test.n, end, test.want)
			continue
		}
		for _, c := range all {
			if each := int64(test.want / test.step); c.Completed != each || c.enqueued != 2*each {
				t.Errorf("%d minutes by %s: the column at %s has %d completed, %d enqueued; want %d", test.minutes, test.step, c.at, c.Completed, c.enqueued, each)
			}
		}
	}
}

// dayOf is a day and more in each period of which a task ended, and two came.
func dayOf(now time.Time, step time.Duration) *broker.Figures {
	f := &broker.Figures{Now: now, Step: step}
	for at := now.Add(-25 * time.Hour).Truncate(step); !at.After(now); at = at.Add(step) {
		f.Add(&broker.Period{At: at, Enqueued: 2, Tally: broker.Tally{Completed: 1}})
	}
	return f
}

// Columns of many queues add up, though some were looked at a minute later, or by
// the minute where others came by ten.
func TestColumnsOfManyQueues(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 6, 49, 59, 0, time.UTC)
	all := columns(&broker.Figures{Now: now, Step: time.Minute}, 120)
	for _, f := range []*broker.Figures{dayOf(now, time.Minute), dayOf(now.Add(time.Second), time.Minute), dayOf(now, 10*time.Minute)} {
		addColumns(all, columns(f, 120))
	}
	var ended int64
	for _, c := range all {
		ended += c.Completed
	}
	if want := int64(120 + 120 + 12); ended != want {
		t.Errorf("%d ended in all columns, want %d", ended, want)
	}
}
