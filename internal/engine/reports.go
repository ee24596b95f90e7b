package engine

import (
	"sync"

	"github.com/nex-gen-tech/jobsy/task"
)

// reports are what a handler has said of its task. A nil *reports is of one that
// has said nothing.
type reports struct {
	mu       sync.Mutex
	progress task.Progress
	unsent   bool   // the progress has not been sent yet
	result   []byte // nil: none
}

func (r *reports) setProgress(p task.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress, r.unsent = p, true
}

func (r *reports) setResult(result []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result = result
}

// toSend returns the progress that has not been sent yet, or nil.
func (r *reports) toSend() *task.Progress {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.unsent {
		return nil
	}
	p := r.progress
	return &p
}

// sent notes that a progress has been sent. A later one has still to be.
func (r *reports) sent(p *task.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unsent = r.progress != *p
}

// last returns the last progress and the result.
func (r *reports) last() (task.Progress, []byte) {
	if r == nil {
		return task.Progress{}, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.progress, r.result
}
