package memory

import (
	"context"
	"sync"
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

const (
	firstReload = 100 * time.Millisecond // after loading has failed
	lastReload  = 5 * time.Second        // at most
	longLoad    = 10 * time.Second       // after which a line says that it goes on
)

// loading is how far the broker has come with taking in what the storage holds.
type loading struct {
	work   sync.WaitGroup
	loaded chan struct{} // closed when all is there
	tried  chan struct{} // closed when it has failed for the first time

	mu  sync.Mutex
	err error // why it failed the last time
}

func newLoading() *loading {
	return &loading{loaded: make(chan struct{}), tried: make(chan struct{})}
}

// ready waits until all is there. While loading fails it does not wait.
func (l *loading) ready(ctx context.Context, closed <-chan struct{}) error {
	select {
	case <-l.loaded:
		return nil
	case <-closed:
		return task.ErrClosed
	default:
	}
	select {
	case <-l.loaded:
		return nil
	case <-closed:
		return task.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	case <-l.tried:
		return l.failure()
	}
}

func (l *loading) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *loading) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		close(l.tried)
	}
	l.err = err
}

// wait waits until nobody loads any more. Nil: nobody ever did.
func (l *loading) wait() {
	if l != nil {
		l.work.Wait()
	}
}

// loadUntilDone loads, and tries again as long as that fails.
func (b *Broker) loadUntilDone() {
	for pause := firstReload; ; pause = min(2*pause, lastReload) {
		err := b.watchLoad()
		if err == nil {
			close(b.loading.loaded)
			return
		}
		b.loading.fail(err)
		b.log.Error("cannot load the tasks; trying again until it works", "in", pause, "error", err)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-b.done:
			timer.Stop()
			return
		}
	}
}

// watchLoad loads, and says so if it takes long.
func (b *Broker) watchLoad() error {
	start := time.Now()
	loaded := make(chan error, 1)
	go func() { loaded <- b.load() }()
	ticker := time.NewTicker(longLoad)
	defer ticker.Stop()
	for {
		select {
		case err := <-loaded:
			return err
		case <-ticker.C:
			b.log.Info("still loading the tasks", "for", time.Since(start).Round(time.Second))
		}
	}
}
