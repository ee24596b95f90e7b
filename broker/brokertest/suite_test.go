package brokertest

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestModelKeepsTheContract(t *testing.T) {
	t.Parallel()
	Run(t, modelHarness("", false))
}

func TestModelKeepsTheContractByAMovedClock(t *testing.T) {
	t.Parallel()
	Run(t, modelHarness("", true))
}

// A broker without the optional parts is checked for the rest.
func TestBareBrokerIsChecked(t *testing.T) {
	t.Parallel()
	h := modelHarness("", false)
	Run(t, Harness{New: h.New})
}

// recorder takes what a trial reports.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	skipped  bool
	cleanups []func()
}

func (r *recorder) Helper()             {}
func (r *recorder) Log(...any)          {}
func (r *recorder) Logf(string, ...any) {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Skip(...any) {
	r.skipped = true
	runtime.Goexit()
}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

// try checks one rule in a goroutine of its own, and waits for it.
func try(t *testing.T, r rule, h Harness) *recorder {
	rec := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for _, cleanup := range slices.Backward(rec.cleanups) {
				cleanup()
			}
		}()
		r.check(beginWithin(rec, h, r, limits{patience: 1500 * time.Millisecond, prompt: time.Second}))
	}()
	<-done
	return rec
}

// Each rule must tell a broker that breaks it from one that does not, and every
// failure name the promise that broke. A broken broker is mostly waited for, so
// many are tried at once, but not beside the tests that measure time.
func TestEachRuleFindsItsFlaws(t *testing.T) {
	var tries sync.WaitGroup
	turns := make(chan struct{}, 32)
	flaws := flawsByRule()
	for _, r := range rules() {
		if len(flaws[r.name()]) == 0 {
			t.Errorf("no flaw shows that rule %q can fail", r.name())
		}
		for _, flaw := range flaws[r.name()] {
			turns <- struct{}{}
			tries.Go(func() {
				mustFind(t, r, flaw)
				<-turns
			})
		}
		delete(flaws, r.name())
	}
	tries.Wait()
	for name := range flaws {
		t.Errorf("there is no rule %q, or there are two", name)
	}
}

func mustFind(t *testing.T, r rule, flaw string) {
	rec := try(t, r, modelHarness(flaw, false))
	// Some flaws show only when two things meet: they get a few more chances.
	for tries := 1; len(rec.failures) == 0 && tries < 5; tries++ {
		rec = try(t, r, modelHarness(flaw, rec.skipped))
	}
	if len(rec.failures) == 0 {
		t.Errorf("%s does not find a broker that %s", r.name(), flaw)
	}
	for _, failure := range rec.failures {
		promise, _, _ := strings.Cut(failure, " is broken: "+r.text+": ")
		if promise != string(r.promise) && !slices.Contains(besides(), promise) {
			t.Errorf("a failure does not name the promise %s: %s", r.promise, failure)
		}
	}
}

// besides returns the promises by which the steps of any rule judge.
func besides() []string {
	return []string{string(fenced), string(timely), string(bounded), string(clean)}
}
