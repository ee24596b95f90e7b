package main

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestCheckFindsFaults(t *testing.T) {
	t.Parallel()
	for want, runs := range map[string][]int{
		"":                  {0, 1, 2},
		"job 1 of 3 ran 0":  {0, 2, 2},
		"job 2 of 3 ran 2":  {0, 1, 2, 2},
		"that nobody":       {0, 1, 2, 7},
		"job 0 of 3 ran 0":  {},
		"runs of jobs that": {0, 1, 2, -1},
	} {
		c := newCheck(3, 3)
		for _, index := range runs {
			c.run(index)
		}
		got := ""
		if err := c.each(3, 1); err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("after runs of %v: error %q, want %q", runs, got, want)
		}
	}
}

func TestCheckOfABacklog(t *testing.T) {
	t.Parallel()
	c := newCheck(5, 2)
	c.run(0)
	c.run(1)
	if err := c.conserved(3); err != nil {
		t.Errorf("2 have run, 3 are left: %v", err)
	}
	if err := c.conserved(2); err == nil {
		t.Error("one of 5 is lost: no error")
	}
	c.run(1)
	if err := c.conserved(3); err == nil {
		t.Error("one ran twice: no error")
	}
}

func TestCheckEndsWhenExpected(t *testing.T) {
	t.Parallel()
	late := newCheck(10, 0)
	late.run(0)
	late.expect(2)
	select {
	case <-late.done:
		t.Error("done after 1 of 2 runs")
	default:
	}
	late.run(1)
	early := newCheck(10, 0)
	early.run(0)
	early.expect(1)
	for _, c := range []*check{late, early} {
		if err := c.wait(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := &latencies{}
	if got := l.quantile(0.5); !math.IsNaN(got) {
		t.Errorf("the median of nothing is %v, want NaN", got)
	}
	l.add(now.Add(-time.Hour), now) // before it began
	l.begin(now.Add(-time.Minute))
	for i := range 100 {
		l.add(now.Add(-time.Duration(i+1)*time.Millisecond), now)
	}
	for part, want := range map[float64]float64{0.01: 1, 0.5: 50, 0.99: 99, 1: 100} {
		if got := l.quantile(part); got != want {
			t.Errorf("quantile %v is %v, want %v", part, got, want)
		}
	}
}

func TestPayloadsDiffer(t *testing.T) {
	t.Parallel()
	p, seen := newPayloads(payloadSize, 1), make(map[string]bool)
	for i := range 10_000 {
		payload := p.of(i)
		if len(payload) != payloadSize || indexOf(payload) != i {
			t.Fatalf("payload %d has %d bytes and index %d", i, len(payload), indexOf(payload))
		}
		seen[string(payload[payloadHeader:])] = true
	}
	if len(seen) != 10_000 {
		t.Errorf("10000 payloads have %d contents", len(seen))
	}
	if indexOf([]byte("short")) != -1 {
		t.Error("what is no payload has an index")
	}
}

func TestParseInfo(t *testing.T) {
	t.Parallel()
	info := parseInfo("# CPU\r\nused_cpu_sys:1.5\r\nused_cpu_user:2.25\r\n\r\n# Commandstats\r\n" +
		"cmdstat_zadd:calls=4,usec=10,usec_per_call=2.50,rejected_calls=0,failed_calls=0\r\n" +
		"cmdstat_info:calls=9,usec=9,usec_per_call=1.00,rejected_calls=0,failed_calls=0\r\n")
	if info.cpu() != 3.75 || info.calls() != 4 {
		t.Errorf("CPU %v and %v calls, want 3.75 and 4", info.cpu(), info.calls())
	}
	later := parseInfo("used_cpu_sys:2\ntotal_reads_processed:8\ncmdstat_zadd:calls=6,usec=13\ncmdstat_get:calls=1,usec=1\n").since(info)
	if later.cpu() != -1.75 || later.calls() != 3 || later.requests() != 7 {
		t.Errorf("later CPU %v, %v calls and %v requests more, want -1.75, 3 and 7", later.cpu(), later.calls(), later.requests())
	}
	if got, want := info.describe(2), " zadd 2 × 2.5 µs"; got != want {
		t.Errorf("described as %q, want %q", got, want)
	}
}
