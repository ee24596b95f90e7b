package engine

import (
	"context"
	"errors"
	"sync"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// news hears of tasks that are called off, and of queues that are paused. What it
// misses of the first, leases learn with the next extension.
type news struct {
	stop    context.CancelFunc
	running sync.WaitGroup
}

func newNews(cfg *Config, l *leases, s *slots) *news {
	ctx, stop := context.WithCancel(context.Background())
	n := &news{stop: stop}
	notifier, ok := cfg.Broker.(broker.Notifier)
	if !ok {
		return n
	}
	n.running.Go(func() { // what was called off before there was anyone to hear
		sleep(ctx, lastPause)
		l.doubt()
	})
	n.running.Go(func() {
		for ctx.Err() == nil {
			err := notifier.News(ctx, cfg.queues(), broker.Listener{Cancelled: l.cancel, Paused: s.handBack})
			if ctx.Err() != nil || errors.Is(err, task.ErrClosed) {
				return
			}
			cfg.Log.Debug("news come late; trying again", "error", err)
			sleep(ctx, lastPause)
		}
	})
	return n
}

func (n *news) close() {
	n.stop()
	n.running.Wait()
}
