package scheduler

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

func TestParseSpecRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ spec, reason string }{
		{"", "no fields"},
		{"  ", "no fields"},
		{"* * * *", "expected 5 to 6 fields"},
		{"* * * * * * *", "expected 5 to 6 fields"},
		{"60 * * * *", "above maximum"},
		{"x * * * *", "failed to parse int from x"},
		{"* * * * 7", "above maximum"},
		{"*/0 * * * *", "positive number"},
		{"@sometimes", "unrecognized descriptor"},
		{"@daily @daily", "unrecognized descriptor"},
		{"@every", "unrecognized descriptor"},
		{"@every x", "invalid duration"},
		{"@every 0s", "at least 1ms"},
		{"@every -1s", "at least 1ms"},
		{"@every 100us", "at least 1ms"},
		{"@every 1.0005ms", "whole milliseconds"},
		{"TZ=Europe/Berlin", "no fields"},
		{"TZ=Nowhere/Land * * * * *", "Nowhere/Land"},
		{"TZ=../zone * * * * *", "location"},
		{"TZ=UTC TZ=UTC", "two time zones"},
		{"0 0 30 2 *", "a time that comes"},
		{"0 0 31 4,6,9,11 *", "a time that comes"},
		{", * * * *", "a time that comes"},
		{", * * * * *", "a time that comes"},
		{"* * * , *", "a time that comes"},
		{strings.Repeat("0,", 600) + "0 * * * *", "at most 1024 bytes"},
	}
	for _, test := range tests {
		_, err := parseSpec(test.spec, time.UTC)
		var field *task.FieldError
		if !errors.As(err, &field) || field.Field != "spec" || !strings.Contains(err.Error(), test.reason) {
			t.Errorf("%.40q: got %v, want an error of spec with %q", test.spec, err, test.reason)
		}
	}
}

func TestParseSpecTakes(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{
		"* * * * *", "* * * * * *", "0 9 * * MON-fri", "0 0 29 feb ?", "0\t9 \n* * *", " @daily ", "@every  1m30s",
		"@every 1ms", "@every 2562047h", "TZ=UTC @every 1s", "TZ=  0 9 * * *", "CRON_TZ=Europe/Berlin\t0 9 * * *", "TZ=Europe/Berlin @yearly",
	} {
		if _, err := parseSpec(spec, time.UTC); err != nil {
			t.Errorf("%q: %v", spec, err)
		}
	}
}

func TestInterval(t *testing.T) {
	t.Parallel()
	anchor := time.UnixMilli(1_000_500)
	tests := []struct{ after, want int64 }{
		{1_000_500, 1_000_800}, {1_000_799, 1_000_800}, {1_000_800, 1_001_100}, {9_000_000, 9_000_300}, {0, 1_000_800},
	}
	for _, test := range tests {
		got := interval(300*time.Millisecond).next(anchor, time.UnixMilli(test.after).Add(999*time.Microsecond))
		if got.UnixMilli() != test.want {
			t.Errorf("after %d: got %d, want %d", test.after, got.UnixMilli(), test.want)
		}
	}
}

// FuzzCronSpec holds for whatever is taken for a spec: its ticks go forward, in
// whole milliseconds, and a later start never finds an earlier tick.
func FuzzCronSpec(f *testing.F) {
	for _, spec := range []string{
		"* * * * *", "*/5 0-3,7 1,15 * mon", "0 0 0 29 2 ?", "@hourly", "@every 1h30m", "0 0 30 2 *", ", * * * *",
		"CRON_TZ=Europe/Berlin 30 2 * * *", "TZ=Australia/Lord_Howe */7 * * * *", "TZ=America/Sao_Paulo @daily", "TZ=x", "TZ=UTC TZ=",
	} {
		f.Add(spec, int64(1_774_700_000_000), int64(86_400_000))
	}
	f.Fuzz(func(t *testing.T, spec string, ms, later int64) {
		timing, err := parseSpec(spec, time.UTC)
		if err != nil {
			if !errors.Is(err, task.ErrInvalid) {
				t.Fatalf("%q: %v is no FieldError", spec, err)
			}
			return
		}
		const centuries = 6_000_000_000_000 // ms, to 2160
		anchor := time.UnixMilli(0)
		after := time.UnixMilli(int64(uint64(ms) % centuries))
		first := timing.next(anchor, after)
		if !first.After(after) || first.Nanosecond()%1e6 != 0 {
			t.Fatalf("%q: %v comes after %v", spec, first, after)
		}
		start := after.Add(time.Duration(uint64(later)%centuries) * time.Millisecond)
		next := timing.next(anchor, start)
		if !next.After(start) || next.Before(first) {
			t.Fatalf("%q: after %v comes %v, but after %v comes %v", spec, after, first, start, next)
		}
		if last := latest(first, next, func(at time.Time) time.Time { return timing.next(anchor, at) }); !last.Equal(next) {
			t.Fatalf("%q: the last tick up to the tick %v is %v", spec, next, last)
		}
	})
}
