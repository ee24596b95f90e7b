package scheduler

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
)

// ticksFrom returns the first n ticks of a spec after a time, in UTC.
func ticksFrom(t *testing.T, spec, after string, n int) []string {
	t.Helper()
	timing, err := parseSpec(spec, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339, after)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for range n {
		at = timing.next(time.Time{}, at)
		got = append(got, at.UTC().Format(time.RFC3339))
	}
	return got
}

var calendarTests = []struct{ name, spec, after, want string }{
	{"minutes", "*/20 9 * * *", "2026-01-05T09:15:30Z", "2026-01-05T09:20:00Z 2026-01-05T09:40:00Z 2026-01-06T09:00:00Z"},
	{"not the time itself", "0 9 * * *", "2026-01-05T09:00:00Z", "2026-01-06T09:00:00Z"},
	{"seconds", "*/30 * * * * *", "2026-01-05T09:00:00.999Z", "2026-01-05T09:00:30Z 2026-01-05T09:01:00Z"},
	{"weekly", "@weekly", "2026-01-05T09:00:00Z", "2026-01-11T00:00:00Z 2026-01-18T00:00:00Z"},
	{"zone", "TZ=Asia/Kolkata 0 9 * * *", "2026-01-05T00:00:00Z", "2026-01-05T03:30:00Z 2026-01-06T03:30:00Z"},
	{"leap day over 1900 or 2100", "0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},

	{"gap", "CRON_TZ=Europe/Berlin 30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z 2026-03-30T00:30:00Z"},
	{"gap, several", "CRON_TZ=Europe/Berlin 0,30 2,3 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z 2026-03-29T01:30:00Z 2026-03-30T00:00:00Z"},
	{"gap, each minute", "CRON_TZ=Europe/Berlin * 2 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z 2026-03-30T00:00:00Z 2026-03-30T00:01:00Z"},
	{"gap, on one date", "CRON_TZ=Europe/Berlin 30 2 29 3 *", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z 2027-03-29T00:30:00Z"},
	{"gap, from within the hour after", "CRON_TZ=Europe/Berlin 30 2 * * *", "2026-03-29T01:10:00Z", "2026-03-30T00:30:00Z"},
	{"gap, other times", "CRON_TZ=Europe/Berlin 30 1,3 * * *", "2026-03-28T12:00:00Z", "2026-03-29T00:30:00Z 2026-03-29T01:30:00Z"},
	{"gap, every second hour", "CRON_TZ=Europe/Berlin 0 */2 * * *", "2026-03-28T22:30:00Z", "2026-03-28T23:00:00Z 2026-03-29T01:00:00Z 2026-03-29T02:00:00Z"},
	{"gap, every hour", "CRON_TZ=Europe/Berlin 30 * * * *", "2026-03-28T23:45:00Z", "2026-03-29T00:30:00Z 2026-03-29T01:30:00Z 2026-03-29T02:30:00Z"},

	{"fold", "CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z 2026-10-26T01:30:00Z"},
	{"fold, from between the two", "CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-25T00:45:00Z", "2026-10-26T01:30:00Z"},
	{"fold, from within the second", "CRON_TZ=Europe/Berlin */30 2 * * *", "2026-10-25T01:10:00Z", "2026-10-26T01:00:00Z"},
	{"fold, the end", "CRON_TZ=Europe/Berlin 0 3 * * *", "2026-10-24T12:00:00Z", "2026-10-25T02:00:00Z"},
	{"fold, each half hour", "CRON_TZ=Europe/Berlin */30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T00:00:00Z 2026-10-25T00:30:00Z 2026-10-26T01:00:00Z"},
	{"fold, every hour", "CRON_TZ=Europe/Berlin 30 * * * *", "2026-10-24T23:45:00Z", "2026-10-25T00:30:00Z 2026-10-25T01:30:00Z 2026-10-25T02:30:00Z"},
	{"fold, every hour spelt out", "CRON_TZ=Europe/Berlin 30 0-23 * * *", "2026-10-24T23:45:00Z", "2026-10-25T00:30:00Z 2026-10-25T01:30:00Z"},
	{"fold, hourly", "CRON_TZ=Europe/Berlin @hourly", "2026-10-24T23:45:00Z", "2026-10-25T00:00:00Z 2026-10-25T01:00:00Z 2026-10-25T02:00:00Z"},

	{"New York gap", "TZ=America/New_York 15 2 * * sun", "2026-03-07T12:00:00Z", "2026-03-08T07:00:00Z 2026-03-15T06:15:00Z"},
	{"New York fold", "TZ=America/New_York 30 1 * * *", "2026-10-31T12:00:00Z", "2026-11-01T05:30:00Z 2026-11-02T06:30:00Z"},
	{"Lord Howe gap", "TZ=Australia/Lord_Howe 15 2 * * *", "2026-10-03T00:00:00Z", "2026-10-03T15:30:00Z 2026-10-04T15:15:00Z"},
	{"Lord Howe fold", "TZ=Australia/Lord_Howe 45 1 * * *", "2026-04-04T00:00:00Z", "2026-04-04T14:45:00Z 2026-04-05T15:15:00Z"},
	{"Lord Howe fold, every hour", "TZ=Australia/Lord_Howe 45 * * * *", "2026-04-04T14:00:00Z", "2026-04-04T14:45:00Z 2026-04-04T15:15:00Z 2026-04-04T16:15:00Z"},
	{"Sao Paulo has no midnight", "TZ=America/Sao_Paulo @daily", "2018-11-02T12:00:00Z", "2018-11-03T03:00:00Z 2018-11-04T03:00:00Z 2018-11-05T02:00:00Z"},
	{"Sao Paulo, hours of that day", "TZ=America/Sao_Paulo 0 * 4 11 *", "2018-11-03T12:00:00Z", "2018-11-04T03:00:00Z 2018-11-04T04:00:00Z"},
	{"Beirut has no half past midnight", "TZ=Asia/Beirut 30 0 * * *", "2022-03-25T12:00:00Z", "2022-03-25T22:30:00Z 2022-03-26T22:00:00Z 2022-03-27T21:30:00Z"},
	{"Havana has two midnights", "TZ=America/Havana @daily", "2025-11-01T12:00:00Z", "2025-11-02T04:00:00Z 2025-11-03T05:00:00Z"},
	{"Apia skipped a day", "TZ=Pacific/Apia 0 9 * * *", "2011-12-29T12:00:00Z", "2011-12-29T19:00:00Z 2011-12-30T10:00:00Z 2011-12-30T19:00:00Z"},
}

func TestCalendar(t *testing.T) {
	t.Parallel()
	for _, test := range calendarTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			want := strings.Fields(test.want)
			got := ticksFrom(t, test.spec, test.after, len(want))
			if strings.Join(got, " ") != test.want {
				t.Errorf("%s after %s\n got %v\nwant %v", test.spec, test.after, got, want)
			}
		})
	}
}

// TestCalendarModel compares with a walk over every minute of the days around a
// transition: a spec that names hours ticks when clocks first show its time or
// more, one that names every hour whenever they show it.
func TestCalendarModel(t *testing.T) {
	t.Parallel()
	transitions := map[string][]string{
		"Europe/Berlin":       {"2026-03-29", "2026-10-25"},
		"America/New_York":    {"2026-03-08", "2026-11-01"},
		"Australia/Lord_Howe": {"2026-04-04", "2026-10-03"},
		"America/Sao_Paulo":   {"2018-11-04", "2018-02-18"},
		"Asia/Beirut":         {"2022-03-26", "2022-10-29"},
		"America/Havana":      {"2025-03-09", "2025-11-02"},
		"Pacific/Apia":        {"2011-12-30"},
		"Asia/Kolkata":        {"2026-01-01"},
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for zone, dates := range transitions {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, date := range dates {
			day, _ := time.Parse(time.DateOnly, date)
			for range 20 {
				compareWithModel(t, randomSpec(random), location, day.Add(-36*time.Hour), day.Add(60*time.Hour))
			}
		}
	}
}

func compareWithModel(t *testing.T, spec string, zone *time.Location, from, to time.Time) {
	t.Helper()
	timing, err := parseSpec(spec, zone)
	if err != nil {
		t.Fatalf("%s: %v", spec, err)
	}
	want := modelTicks(t, spec, zone, from, to)
	var got []time.Time
	for at := timing.next(time.Time{}, from); at.Before(to); at = timing.next(time.Time{}, at) {
		got = append(got, at)
	}
	if fmt.Sprint(inUTC(got)) != fmt.Sprint(inUTC(want)) {
		t.Errorf("%s in %v\n got %v\nwant %v", spec, zone, inUTC(got), inUTC(want))
	}
	for at := from; len(want) > 0; at = at.Add(11 * time.Minute) { // start anywhere
		for len(want) > 0 && !want[0].After(at) {
			want = want[1:]
		}
		if len(want) > 0 && !timing.next(time.Time{}, at).Equal(want[0]) {
			t.Errorf("%s in %v after %v: got %v, want %v", spec, zone, at, timing.next(time.Time{}, at), want[0])
		}
	}
}

func inUTC(times []time.Time) (texts []string) {
	for _, at := range times {
		texts = append(texts, at.UTC().Format("02T15:04"))
	}
	return texts
}

func modelTicks(t *testing.T, spec string, zone *time.Location, from, to time.Time) (ticks []time.Time) {
	t.Helper()
	parsed, err := parser.Parse(spec)
	if err != nil {
		t.Fatal(err)
	}
	fields := parsed.(*cron.SpecSchedule)
	everyHour := strings.Fields(spec)[1] == "*"
	shown := wallClock(from.Add(-24 * time.Hour).In(zone)) // the latest that clocks have shown
	for at := from.Add(-24 * time.Hour); at.Before(to); at = at.Add(time.Minute) {
		wall := wallClock(at.In(zone))
		ticks0 := len(ticks)
		if everyHour && matches(fields, wall) {
			ticks = append(ticks, at)
		}
		for ; !everyHour && shown.Before(wall); shown = shown.Add(time.Minute) {
			if matches(fields, shown.Add(time.Minute)) && len(ticks) == ticks0 {
				ticks = append(ticks, at)
			}
		}
		if !at.After(from) {
			ticks = nil
		}
	}
	return ticks
}

func matches(f *cron.SpecSchedule, wall time.Time) bool {
	day, weekday := f.Dom>>wall.Day()&1 == 1, f.Dow>>int(wall.Weekday())&1 == 1
	date := day || weekday
	if f.Dom>>63 == 1 || f.Dow>>63 == 1 {
		date = day && weekday
	}
	return f.Minute>>wall.Minute()&1 == 1 && f.Hour>>wall.Hour()&1 == 1 && f.Month>>int(wall.Month())&1 == 1 && date
}

func randomSpec(random *rand.Rand) string {
	pick := func(choices ...string) string { return choices[random.IntN(len(choices))] }
	minute := pick("*", "*/10", "*/7", "0", "30", "15,45", fmt.Sprint(random.IntN(60)))
	hour := pick("*", "*/2", "0", "1", "2", "3", "0-3", "1-22", fmt.Sprint(random.IntN(24)))
	day := pick("*", "*", "*", "*/2", "1-15", "30")
	weekday := pick("*", "*", "*", "sun", "mon-fri", "sat,sun")
	return strings.Join([]string{minute, hour, day, "*", weekday}, " ")
}
