package engine

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// beatLasts is how long a server counts as alive after a report: three times as
// long as one waits at most that has nothing new.
const beatLasts = 45 * time.Second

// health is what an engine knows of how it does.
type health struct {
	concurrency int

	mu       sync.Mutex
	phase    string // "": before Run
	leaseErr error  // why it cannot lease, since
	leaseAt  time.Time
	beatErr  error     // why the last report failed
	beatAt   time.Time // of the last one that arrived; zero: it does not report
	overdue  int       // handlers that go on although their context has ended long ago
}

const (
	phaseRunning  = "running"
	phaseStopping = "stopping"
	phaseEnded    = "ended"
)

func (h *health) enter(phase string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.phase = phase
}

// leased takes how a call for tasks went.
func (h *health) leased(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil && h.leaseErr == nil {
		h.leaseAt = time.Now()
	}
	h.leaseErr = err
}

// beaten takes how a report went.
func (h *health) beaten(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.beatErr = err
	if err == nil {
		h.beatAt = time.Now()
	}
}

// overran takes how many handlers are overdue.
func (h *health) overran(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.overdue = n
}

// check returns nil if all is well, and else what is not.
func (h *health) check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch silent := time.Since(h.beatAt); {
	case h.phase == "":
		return errors.New("the server has not been started")
	case h.phase == phaseStopping:
		return errors.New("the server is stopping")
	case h.phase == phaseEnded:
		return errors.New("the server has ended")
	case h.leaseErr != nil:
		return fmt.Errorf("the server has not been able to lease tasks for %s: %w", time.Since(h.leaseAt).Round(time.Second), h.leaseErr)
	case !h.beatAt.IsZero() && silent > beatLasts:
		return fmt.Errorf("the server's last report is %s old: %w", silent.Round(time.Second), h.beatErr)
	case h.overdue >= h.concurrency:
		return fmt.Errorf("all %d handlers of the server go on although their contexts have ended: no task can begin", h.overdue)
	}
	return nil
}
