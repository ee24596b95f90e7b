package broker_test

import (
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
)

func TestFiguresSpan(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 12, 34, 56, 0, time.UTC)
	at := func(hour, minute, second int) time.Time {
		return time.Date(2026, 11, 25, hour, minute, second, 0, time.UTC)
	}
	far := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		from, to, first, end time.Time
		step                 time.Duration
	}{
		"an hour":                {at(11, 34, 56), now, at(11, 34, 0), at(12, 35, 0), time.Minute},
		"two hours":              {at(10, 34, 56), far, at(10, 34, 0), at(12, 35, 0), time.Minute},
		"two hours and a little": {at(10, 34, 0), far, at(10, 34, 0), at(12, 35, 0), time.Minute},
		"a minute more":          {at(10, 33, 59), far, at(10, 30, 0), at(12, 40, 0), 10 * time.Minute},
		"six hours":              {at(6, 34, 56), now, at(6, 30, 0), at(12, 40, 0), 10 * time.Minute},
		"all there is":           {time.Time{}, far, at(12, 30, 0).AddDate(0, 0, -1), at(12, 40, 0), 10 * time.Minute},
		"whole minutes":          {at(12, 0, 0), at(12, 1, 0), at(12, 0, 0), at(12, 1, 0), time.Minute},
		"parts of two minutes":   {at(12, 0, 59), at(12, 1, 1), at(12, 0, 0), at(12, 2, 0), time.Minute},
		"nothing":                {at(12, 1, 0), at(12, 1, 0), at(12, 1, 0), at(12, 1, 0), time.Minute},
		"backwards":              {at(12, 1, 0), at(11, 1, 0), at(12, 1, 0), at(12, 1, 0), time.Minute},
		"until never":            {at(12, 1, 0), time.Time{}, at(12, 1, 0), at(12, 1, 0), time.Minute},
		"what is to come":        {at(13, 1, 0), at(14, 1, 0), at(13, 1, 0), at(13, 1, 0), time.Minute},
	} {
		s := broker.FiguresSpan(test.from, test.to, now)
		if s.Step != test.step || !s.Begin(s.First).Equal(test.first) || !s.Begin(s.End).Equal(test.end) {
			t.Errorf("%s: %s until %s by %s, want %s until %s by %s", name, s.Begin(s.First).UTC(), s.Begin(s.End).UTC(), s.Step, test.first, test.end, test.step)
		}
	}
}
