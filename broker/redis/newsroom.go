package redis

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	// interest is how long a queue remembers that somebody waits for a task,
	// and refresh how often they say so again.
	interest = 90 * time.Second
	refresh  = 30 * time.Second
	// heartbeat is how often a silent subscription is checked.
	heartbeat = 30 * time.Second
)

// newsroom hears the news of queues, on one connection, for all that wait for
// them in this process. It subscribes while somebody does.
type newsroom struct {
	mu      sync.Mutex
	pubsub  *goredis.PubSub
	readers map[string]map[*reader]struct{} // by channel
}

// reader is told of each event on its channels: "" stands for all that may have
// been missed, as when a subscription begins or a connection was lost.
type reader struct {
	queues map[string]string // by channel
	tell   func(queue, event string)
}

// read tells of the news of the queues until ctx or the broker ends.
func (b *Broker) read(ctx context.Context, queues []string, tell func(queue, event string), until func() error) error {
	r := &reader{queues: make(map[string]string, len(queues)), tell: tell}
	for _, queue := range queues {
		r.queues[b.keys(queue).news()] = queue
	}
	if err := b.news.join(ctx, b, r); err != nil {
		return err
	}
	defer b.news.leave(b, r)
	return until()
}

func (n *newsroom) join(ctx context.Context, b *Broker, r *reader) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := b.usable(); err != nil {
		return err
	}
	if n.readers == nil {
		n.readers = make(map[string]map[*reader]struct{})
	}
	var fresh []string
	for channel := range r.queues {
		if n.readers[channel] == nil {
			n.readers[channel] = make(map[*reader]struct{})
			fresh = append(fresh, channel)
		}
		n.readers[channel][r] = struct{}{}
	}
	switch {
	case n.pubsub == nil:
		n.open(b, fresh)
	case len(fresh) > 0:
		_ = n.pubsub.Subscribe(ctx, fresh...) // what fails is repeated with the next connection
	}
	for channel, queue := range r.queues {
		if !slices.Contains(fresh, channel) {
			r.tell(queue, "")
		}
	}
	return nil
}

// open starts to listen.
func (n *newsroom) open(b *Broker, channels []string) {
	n.pubsub = b.client.Subscribe(b.ctx, channels...)
	events := n.pubsub.ChannelWithSubscriptions(goredis.WithChannelHealthCheckInterval(heartbeat))
	b.work.Go(func() {
		for event := range events {
			switch event := event.(type) {
			case *goredis.Subscription:
				if event.Kind == "subscribe" {
					n.spread(event.Channel, "")
				}
			case *goredis.Message:
				n.spread(event.Channel, event.Payload)
			}
		}
	})
}

func (n *newsroom) spread(channel, event string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for r := range n.readers[channel] {
		r.tell(r.queues[channel], event)
	}
}

func (n *newsroom) leave(b *Broker, r *reader) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var idle []string
	for channel := range r.queues {
		delete(n.readers[channel], r)
		if len(n.readers[channel]) == 0 {
			delete(n.readers, channel)
			idle = append(idle, channel)
		}
	}
	if n.pubsub == nil || len(idle) == 0 {
		return
	}
	if len(n.readers) == 0 {
		n.shut()
		return
	}
	_ = n.pubsub.Unsubscribe(b.ctx, idle...)
}

func (n *newsroom) shut() {
	if n.pubsub != nil {
		_ = n.pubsub.Close()
		n.pubsub = nil
	}
}

func (n *newsroom) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.shut()
}

// Wait implements broker.Notifier.
func (b *Broker) Wait(ctx context.Context, queue string, id uuid.UUID) (*task.Task, error) {
	if err := b.readyToInspect(ctx, queue); err != nil {
		return nil, err
	}
	field, news := encodeID(id), make(chan struct{}, 1)
	tell := func(_, event string) {
		if what, about, _ := strings.Cut(event, "|"); event == "" || what == "ended" && about == field {
			select {
			case news <- struct{}{}:
			default:
			}
		}
	}
	var ended *task.Task
	err := b.read(ctx, []string{queue}, tell, func() (err error) {
		ended, err = b.await(ctx, queue, id, news)
		return err
	})
	return ended, err
}

// await looks at the task with each news of it.
func (b *Broker) await(ctx context.Context, queue string, id uuid.UUID, news <-chan struct{}) (*task.Task, error) {
	again := time.NewTicker(refresh)
	defer again.Stop()
	for found := false; ; found = true {
		t, _, err := b.find(ctx, queue, id, interest)
		switch {
		case err == nil && t.Status.Ended():
			return t, nil
		case err != nil && !(found && errors.Is(err, task.ErrUnavailable)):
			return nil, err
		}
		select {
		case <-news:
		case <-again.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-b.ctx.Done():
			return nil, task.ErrClosed
		}
	}
}

// News implements broker.Notifier.
func (b *Broker) News(ctx context.Context, queues []string, to broker.Listener) error {
	req := broker.LeaseRequest{Max: 1, Duration: time.Second, Queues: queues}
	if err := req.Check(); err != nil {
		return err
	}
	if err := b.ready(ctx); err != nil {
		return err
	}
	tell := func(queue, event string) {
		what, about, _ := strings.Cut(event, "|")
		switch {
		case what == "pause" && to.Paused != nil:
			to.Paused(queue)
		case what == "cancel" && to.Cancelled != nil:
			if id, err := decodeID(about); err == nil {
				to.Cancelled(queue, id)
			}
		}
	}
	return b.read(ctx, queues, tell, func() error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-b.ctx.Done():
			return task.ErrClosed
		}
	})
}
