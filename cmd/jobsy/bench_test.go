package main

import "testing"

func TestBench(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.has(r.ok("bench", "--tasks", "2000", "--concurrency", "10"), "enqueue, in batches", "process", "/s", "p99")
	v := r.parsed("bench", "--tasks", "500", "--payload-bytes", "0")
	for _, field := range []string{"enqueue_per_second", "process_per_second", "pickup_p50_ms", "pickup_p99_ms"} {
		if v[field].(float64) <= 0 {
			t.Errorf("%s is %v", field, v[field])
		}
	}
	if left := r.counts("jobsy-bench"); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
	r.enqueue("busy", "work", 1)
	r.fails(1, []string{"--queue busy must be empty"}, "bench", "--queue", "busy")
}
