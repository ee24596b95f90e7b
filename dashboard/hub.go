package dashboard

import (
	"context"
	"sync"
	"time"
)

// hub keeps open pages up to date. What many look at is asked for once: each
// topic has one poll, which lives as long as anybody listens.
type hub struct {
	most     int
	interval time.Duration

	mu      sync.Mutex
	viewers int
	topics  map[string]*topic
}

// topic is one page with its parameters.
type topic struct {
	cancel  context.CancelFunc
	done    chan struct{}
	viewers map[*viewer]struct{}
	last    []byte
}

// viewer is one open page. Its channel has the latest state that it has not seen.
type viewer struct {
	key   string
	topic *topic
	news  chan []byte
}

func newHub(most int, interval time.Duration) *hub {
	return &hub{most: most, interval: interval, topics: make(map[string]*topic)}
}

// join adds a viewer, unless there are too many. The first of a topic starts its
// poll.
func (h *hub) join(key string, poll func(context.Context) []byte) (*viewer, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.viewers == h.most {
		return nil, false
	}
	t := h.topics[key]
	if t == nil {
		var ctx context.Context
		t = &topic{done: make(chan struct{}), viewers: make(map[*viewer]struct{})}
		ctx, t.cancel = context.WithCancel(context.Background()) // ends with its last viewer
		h.topics[key] = t
		go h.follow(ctx, t, poll)
	}
	v := &viewer{key: key, topic: t, news: make(chan []byte, 1)}
	h.viewers++
	t.viewers[v] = struct{}{}
	if t.last != nil {
		v.news <- t.last
	}
	return v, true
}

// leave removes a viewer. The last of a topic ends its poll, and waits for it.
func (h *hub) leave(v *viewer) {
	h.mu.Lock()
	h.viewers--
	delete(v.topic.viewers, v)
	last := len(v.topic.viewers) == 0
	if last {
		delete(h.topics, v.key)
		v.topic.cancel()
	}
	h.mu.Unlock()
	if last {
		<-v.topic.done
	}
}

func (h *hub) follow(ctx context.Context, t *topic, poll func(context.Context) []byte) {
	defer close(t.done)
	tick := time.NewTicker(h.interval)
	defer tick.Stop()
	for {
		h.tell(t, poll(ctx))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tell hands a state to all viewers of a topic. One that has not taken the former
// yet gets this one instead.
func (h *hub) tell(t *topic, state []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t.last = state
	for v := range t.viewers {
		select {
		case <-v.news:
		default:
		}
		v.news <- state // the mutex is held: there is room
	}
}
