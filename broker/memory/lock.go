package memory

import (
	"context"
	"sync"
)

// lock guards the broker. Without a storage it is a mutex. With one it may be
// held for long, and is a channel: a caller can then give up with its context,
// and waiting for it is a durable block for testing/synctest.
type lock struct {
	mu   sync.Mutex
	gate chan struct{} // full while locked; nil: mu is used
}

func (l *lock) acquire(ctx context.Context) error {
	if l.gate == nil {
		l.mu.Lock()
		return nil
	}
	select {
	case l.gate <- struct{}{}:
		return nil
	default:
	}
	select {
	case l.gate <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *lock) release() {
	if l.gate == nil {
		l.mu.Unlock()
		return
	}
	<-l.gate
}
