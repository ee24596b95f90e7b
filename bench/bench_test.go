package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMain is also the program of the children that rows start.
func TestMain(m *testing.M) {
	if role, ok := os.LookupEnv(roleVariable); ok {
		if err := playRole(context.Background(), role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	m.Run()
}

// Every row works, and measures what its targets are about.
func TestEveryRow(t *testing.T) {
	t.Parallel()
	needRedis(t)
	// At once, whatever -parallel says: most of the time they wait.
	finished := make(map[string]chan outcome)
	for _, r := range rows() {
		done := make(chan outcome, 1)
		finished[r.letter] = done
		go func() { done <- runTiny(t, r) }()
	}
	for _, r := range rows() {
		got := <-finished[r.letter]
		t.Run(r.letter, func(t *testing.T) {
			if got.err != nil {
				t.Fatal(got.err)
			}
			mustMeasure(t, got.results, r)
		})
	}
}

type outcome struct {
	results *results
	err     error
}

// runTiny runs a row on a server of its own.
func runTiny(t *testing.T, r row) outcome {
	args := []string{"-rows", r.letter, "-turns", "1", "-n", "0.0002", "-duration", "500ms", "-idle", "100ms"}
	if r.letter == "j" { // asynq looks for delayed tasks every 5 s only
		args = append(args, "-sides", "jobsy")
	}
	opts, err := parseOptions(args, io.Discard)
	if err != nil {
		return outcome{err: err}
	}
	opts.rows = []row{r}
	results := newResults()
	return outcome{results, runMode(t.Context(), opts, withoutAOF, results, t.Output())}
}

// needRedis skips the test where there is no redis-server, and says so.
func needRedis(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath(redisProgram); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed, and with CI=true it must be", redisProgram)
	}
	t.Skipf("%s is not installed", redisProgram)
}

func mustMeasure(t *testing.T, results *results, r row) {
	t.Helper()
	for _, m := range results.metrics {
		for _, value := range results.samples[m] {
			if math.IsNaN(value[0]) || math.IsInf(value[0], 0) || value[0] < 0 {
				t.Errorf("%s is %v", m.name, value)
			}
		}
	}
	for _, target := range targets {
		of := func(name, side string) float64 { return results.find(withoutAOF.name, name, side) }
		if target.row == r.letter && math.IsNaN(target.measured(of)) {
			t.Errorf("the target %q is not measured", target.what)
		}
	}
	if len(results.metrics) == 0 {
		t.Error("nothing was measured")
	}
}

func TestTablesAndTargets(t *testing.T) {
	t.Parallel()
	r := newResults()
	add := func(row, name, unit, side string, values ...float64) {
		for _, value := range values {
			r.add(metric{withoutAOF.name, row, name, unit}, side, value)
		}
	}
	add("c", "process, concurrency 100", perSecond, "jobsy", 90_000, 60_000, 75_000)
	add("c", "process, concurrency 100", perSecond, "asynq", 5_000, 6_000)
	add("k", "idle, requests to Redis", perSecond, "jobsy", 0.9)
	add("k", "idle, requests to Redis", perSecond, "redis", 0.3)
	var out strings.Builder
	r.writeTable(&out, withoutAOF)
	writeTargets(&out, r, withoutAOF)
	said := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{"75,000 ±20% 5,500 ±9% 13.6×", "≥ 12 13.6 × asynq met", "≤ 0.5 0.6 /s missed"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
	var asJSON strings.Builder
	if err := r.writeJSON(&asJSON, []mode{withoutAOF}); err != nil {
		t.Fatal(err)
	}
	if want := `"median": 75000`; !strings.Contains(asJSON.String(), want) {
		t.Errorf("%s is missing in\n%s", want, &asJSON)
	}
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"-rows z", "-sides river", "-turns 0", "-n 0", "-x", "more"} {
		if err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard); err == nil {
			t.Errorf("bench %s: no error", args)
		}
	}
}
