package main

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
)

// target is a figure that was promised.
type target struct {
	row      string
	what     string
	bound    float64
	atMost   bool // else at least
	unit     string
	measured func(of medians) float64
}

// medians returns the median of a metric and a side; NaN: not measured.
type medians func(name, side string) float64

// against is Jobsy's median over asynq's.
func against(name string) func(medians) float64 {
	return func(of medians) float64 { return of(name, "jobsy") / of(name, "asynq") }
}

// own is the share of one of Jobsy's medians in another.
func own(name, other string) func(medians) float64 {
	return func(of medians) float64 { return of(name, "jobsy") / of(other, "jobsy") }
}

func inMemory(name string) func(medians) float64 {
	return func(of medians) float64 { return of(name, "memory") }
}

// trips is a pickup in round trips of a bare GET between pauses of the same
// kind.
func trips(name string) func(medians) float64 {
	return func(of medians) float64 { return of(name, "jobsy") / of("pickup when idle, p50", "redis") }
}

// added is what an idle server costs over what is used without one.
func added(name string) func(medians) float64 {
	return func(of medians) float64 { return max(of(name, "jobsy")-of(name, "redis"), 0) }
}

// measurable is the CPU, in ms a second, below which it is that of the
// measurement itself.
const measurable = 1

var targets = []target{
	{"c", "process, concurrency 100", 12, false, "× asynq", against("process, concurrency 100")},
	{"c", "process, concurrency 10", 8, false, "× asynq", against("process, concurrency 10")},
	{"a", "enqueue one task a call, 20 goroutines", 3, false, "× asynq", against("enqueue, 20 goroutines")},
	{"b", "enqueue in bulk, against single calls", 5, false, "× asynq", against("enqueue in bulk")},
	{"l", "process through a delay, concurrency 100", 60, false, "× asynq", against("process through the delay, concurrency 100")},
	{"e", "idle pickup p50", 5, true, "GETs", trips("pickup when idle, p50")},
	{"e", "idle pickup p99", 25, true, "GETs", trips("pickup when idle, p99")},
	{"f", "Redis memory of a pending task, 100 B", 0.55, true, "× asynq", against("memory of a pending task, payload 100 B")},
	{"g", "Redis CPU a task", 0.2, true, "× asynq", against("Redis CPU a task")},
	{"h", "backlog of 1 million against 10 thousand", 0.85, false, "×", own("process, backlog 1000000", "process, backlog 10000")},
	{"i", "100 queues against 1", 0.7, false, "×", own("process, queues 100", "process, queues 1")},
	{"k", "idle server, commands", 0.5, true, perSecond, added("idle, requests to Redis")},
	{"k", "idle server, CPU of Redis", measurable, true, "ms/s", added("idle, CPU of Redis")},
	{"k", "idle server, CPU of its process", measurable, true, "ms/s", added("idle, CPU of the server's process")},
	{"m", "in memory, raw tasks in batches of 100", 500_000, false, perSecond, inMemory("raw tasks in batches of 100, enqueued and run")},
	{"m", "in memory, typed tasks one a call", 300_000, false, perSecond, inMemory("typed tasks one a call, enqueued and run")},
}

// verdict says whether a target was met.
type verdict struct {
	Mode     string  `json:"mode"`
	Row      string  `json:"row"`
	What     string  `json:"what"`
	Target   string  `json:"target"`
	Measured float64 `json:"measured"`
	Unit     string  `json:"unit"`
	Met      bool    `json:"met"`
}

// judge leaves out what was not measured.
func judge(r *results, mode string) (verdicts []verdict) {
	of := func(name, side string) float64 { return r.find(mode, name, side) }
	for _, t := range targets {
		measured := t.measured(of)
		if math.IsNaN(measured) {
			continue
		}
		sign, met := "≥", measured >= t.bound
		if t.atMost {
			sign, met = "≤", measured <= t.bound
		}
		verdicts = append(verdicts, verdict{mode, t.row, t.what, sign + " " + number(t.bound), measured, t.unit, met})
	}
	return verdicts
}

func writeTargets(w io.Writer, r *results, mode mode) {
	verdicts := judge(r, mode.name)
	if verdicts == nil {
		return
	}
	fmt.Fprintf(w, "\ntargets; Redis with %s\n\n", mode.name)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "row\twhat\ttarget\tmeasured\t\t")
	for _, v := range verdicts {
		said := "missed"
		if v.Met {
			said = "met"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", v.Row, v.What, v.Target, number(v.Measured), v.Unit, said)
	}
	_ = table.Flush()
}
