package redis_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
)

// recordAll records tallies of a queue.
func recordAll(t testing.TB, b broker.Monitor, queue string, tallies map[string]broker.Tally) {
	t.Helper()
	if err := b.Record(t.Context(), queue, tallies); err != nil {
		t.Fatal(err)
	}
}

// Minutes are kept for two hours, ten minutes for a day, and a little.
func TestFiguresExpire(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	b, client := open(t, server.Addr(), nil), server.Client(t)
	recordAll(t, b, "q", map[string]broker.Tally{"a": {Completed: 1}})
	keys, err := client.Keys(t.Context(), "jobsy:{q}:*").Result()
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]time.Duration{
		"figures": 2 * time.Hour, "names": 2 * time.Hour, "figures10": 24 * time.Hour, "names10": 24 * time.Hour, "reply": time.Minute,
	}
	for _, key := range keys {
		what, _, _ := strings.Cut(strings.TrimPrefix(key, "jobsy:{q}:"), ":")
		left, err := client.PTTL(t.Context(), key).Result()
		if err != nil || left < kept[what]-time.Minute || left > kept[what]+30*time.Minute {
			t.Errorf("%s goes after %s, %v; want %s and a little", key, left, err, kept[what])
		}
		delete(kept, what)
	}
	if len(kept) > 0 {
		t.Errorf("not recorded: %v", kept)
	}
}

// Names beyond the most are counted together.
func TestFiguresOfTooManyNames(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	b := open(t, server.Addr(), nil)
	const names = broker.MaxNamesKept + broker.MaxNames
	for i := range names {
		recordAll(t, b, "q", map[string]broker.Tally{fmt.Sprint(i): {Completed: 1}})
	}
	now := time.Now()
	for _, ago := range []time.Duration{time.Hour, 3 * time.Hour} {
		found, err := b.FiguresByName(t.Context(), "q", now.Add(-ago), now.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		var all int64
		for _, tally := range found {
			all += tally.Completed
		}
		// The test may have gone on for two periods.
		if all != names || len(found) > 2*(broker.MaxNamesKept+1) || len(found) < broker.MaxNamesKept+1 {
			t.Errorf("figures of %s: %d names, %d in all", ago, len(found), all)
		}
	}
}

// A key of another type is told, and nothing is added.
func TestFiguresBesideAForeignKey(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	b, client := open(t, server.Addr(), nil), server.Client(t)
	now := time.Now()
	for n := range int64(3) { // the test may go on for a period
		key := fmt.Sprintf("jobsy:{q}:names10:%d", now.Unix()/600+n)
		if err := client.Set(t.Context(), key, "x", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Record(t.Context(), "q", map[string]broker.Tally{"a": {Completed: 1}}); err == nil {
		t.Error("Record says nothing")
	}
	f, err := b.Figures(t.Context(), "q", now.Add(-time.Hour), now.Add(time.Hour))
	if err != nil || len(f.Periods) > 0 {
		t.Errorf("figures %+v, %v, want none", f.Total, err)
	}
}

// What cannot be read is passed over.
func TestFiguresThatAreNone(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	b, client := open(t, server.Addr(), nil), server.Client(t)
	now := time.Now()
	key := fmt.Sprintf("jobsy:{q}:figures:%d", now.Unix()/60)
	text := "completed=3 failed retried=x =7 w=1 w64=1 w-1=1 x3=1 r0=2 rsum=99999999999999999999 zzz=4"
	if err := client.Set(t.Context(), key, text, time.Hour).Err(); err != nil {
		t.Fatal(err)
	}
	f, err := b.Figures(t.Context(), "q", now.Add(-time.Hour), now.Add(time.Hour))
	want := broker.Tally{Completed: 3}
	want.Run.Counts[0] = 2
	if err != nil || f.Total != want {
		t.Errorf("figures %+v, %v, want %+v", f.Total, err, want)
	}
}

// wide is a tally with something in every bucket.
func wide() broker.Tally {
	t := broker.Tally{Completed: 1000, Failed: 20, Retried: 300}
	for i := range broker.Buckets {
		t.Wait.Counts[i], t.Run.Counts[i] = 100_000+int64(i), 100_000+int64(i)
	}
	t.Wait.Sum, t.Run.Sum = time.Hour, time.Hour
	return t
}

// BenchmarkRecord shows what one report costs, and how many of its calls took
// longer than they should.
func BenchmarkRecord(b *testing.B) {
	typical := broker.Tally{Completed: 1000, Failed: 20, Retried: 300}
	for i := range 12 {
		typical.Wait.Counts[i], typical.Run.Counts[i+20] = 1000, 1000
	}
	for name, of := range map[string]struct {
		tally broker.Tally
		names int
	}{"typical": {typical, 10}, "most": {wide(), broker.MaxNames}} {
		b.Run(name, func(b *testing.B) {
			server := redistest.Start(b, "--slowlog-log-slower-than", "2000")
			opened := open(b, server.Addr(), nil)
			tallies := make(map[string]broker.Tally)
			for n := range of.names {
				tallies[fmt.Sprint("name-", n)] = of.tally
			}
			for b.Loop() {
				recordAll(b, opened, "q", tallies)
			}
			slow, err := server.Client(b).SlowLogGet(b.Context(), 1000).Result()
			if err != nil {
				b.Fatal(err)
			}
			info := server.Client(b).Info(b.Context(), "commandstats").Val()
			for line := range strings.Lines(info) {
				if strings.HasPrefix(line, "cmdstat_evalsha:") {
					b.Log(strings.TrimSpace(line), len(slow), "slower than 2 ms")
				}
			}
		})
	}
}
