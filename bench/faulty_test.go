package main

import "testing"

// twice is a library that runs its first job twice.
type twice struct{ library }

func openTwice(addr string) (library, error) {
	lib, err := openJobsyRedis(addr)
	return twice{lib}, err
}

func (l twice) serve(o serving, handle func([]byte) error) (func() error, error) {
	return l.library.serve(o, func(payload []byte) error {
		if indexOf(payload) == 0 {
			_ = handle(payload)
		}
		return handle(payload)
	})
}

// A row that does not see a job run twice checks nothing.
func TestEveryRowFailsLoudly(t *testing.T) {
	t.Parallel()
	needRedis(t)
	failed := make(map[string]chan error)
	for _, r := range rows() {
		if r.letter == "m" { // in memory
			continue
		}
		r.sides = []side{{name: "jobsy", batch: 1000, open: openTwice}}
		done := make(chan error, 1)
		failed[r.letter] = done
		go func() { done <- runTiny(t, r).err }()
	}
	for letter, done := range failed {
		if err := <-done; err == nil {
			t.Errorf("row %s: a job ran twice, and it did not fail", letter)
		}
	}
}
