package jobsy

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// health is what a server knows of how it does.
type health struct {
	mu       sync.Mutex
	phase    string // "": before Run
	leaseErr error  // why it cannot lease, since
	leaseAt  time.Time
	beatErr  error     // why the last report failed
	beatAt   time.Time // of the last one that arrived; zero: it does not report
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

// Healthy returns nil while the server runs and reaches its broker: its last call
// for tasks has not failed, and its last report is no older than a server may be
// silent, 45 seconds. Otherwise it says why, also before Run, once the server has
// been told to stop, and after its end. A server whose handlers are all busy is
// healthy. It asks nobody, so it is cheap, and may be called concurrently: for a
// readiness probe. As a liveness probe it would restart a fleet whenever its
// broker is away, which helps nobody.
func (s *Server) Healthy() error {
	h := &s.health
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
	}
	return nil
}
