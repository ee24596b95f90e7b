package redis

import (
	"context"
	"errors"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// listener blocks on the wake markers of some queues, on a connection of its
// own: out of a shared pool, enough listeners would leave none for calls.
type listener struct {
	station *station
	name    string
	keys    []string
	queues  map[string]string // by key

	mu       sync.Mutex
	conn     *goredis.Client // its own, with one connection
	client   *goredis.Client // where it blocks
	clientID int64           // as the server knows its connection
	ended    bool
}

// listen hears markers until nobody is there to be told.
func (l *listener) listen() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	conn, err := l.connect(ctx)
	if err != nil {
		l.station.hear(l, "", err)
		return
	}
	defer conn.Close()
	for {
		queue, err := l.pop(ctx, conn)
		if !l.station.hear(l, queue, err) {
			if queue != "" {
				l.station.broker.putBack(queue)
			}
			return
		}
	}
}

// connect opens the connection, and asks for its id, so that it can be unblocked
// from another.
func (l *listener) connect(ctx context.Context) (*goredis.Client, error) {
	node, err := l.node(ctx)
	if err != nil {
		return nil, err
	}
	opts := *node.Options()
	opts.PoolSize, opts.PipelinePoolSize, opts.MinIdleConns = 1, -1, 0
	conn := goredis.NewClient(&opts)
	l.mu.Lock()
	l.conn = conn
	l.mu.Unlock()
	id, err := conn.ClientID(ctx).Result()
	if err != nil && unavailable(err) {
		conn.Close()
		return nil, err
	}
	l.mu.Lock()
	l.client, l.clientID = node, id // 0 where CLIENT ID is not permitted
	l.mu.Unlock()
	return conn, nil
}

var errNoConn = errors.New("the redis client is of a kind that cannot lease")

func (l *listener) node(ctx context.Context) (*goredis.Client, error) {
	switch client := l.station.broker.client.(type) {
	case *goredis.Client:
		return client, nil
	case *goredis.ClusterClient:
		return client.MasterForKey(ctx, l.keys[0])
	}
	return nil, errNoConn
}

// pop waits for a marker, at most for an idle poll, and returns its queue, or
// "" if there was none.
func (l *listener) pop(ctx context.Context, conn *goredis.Client) (string, error) {
	l.mu.Lock()
	ended := l.ended
	l.mu.Unlock()
	if ended {
		return "", goredis.ErrClosed
	}
	wait := max(l.station.broker.idlePoll.Round(time.Second), time.Second)
	found, err := conn.BZPopMin(ctx, wait, l.keys...).Result()
	switch {
	case errors.Is(err, goredis.Nil):
		return "", nil
	case err != nil:
		return "", err
	}
	return l.queues[found.Key], nil
}

// putBack gives a marker to whoever else blocks on it.
func (b *Broker) putBack(queue string) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if err := b.client.ZAdd(ctx, b.keys(queue).wake(), goredis.Z{Member: "wake"}).Err(); err != nil {
		b.log.Debug("cannot put a wake marker back", "queue", queue, "error", err)
	}
}

// interrupt ends the listener. Where the server does not tell or take the id of
// its connection, a marker does it, unless another server takes that first; the
// listener then ends by itself within an idle poll. Where the server does not
// answer, the connection is closed: no marker can be lost on it any more.
func (l *listener) interrupt() {
	l.mu.Lock()
	l.ended = true
	conn, client, id := l.conn, l.client, l.clientID
	l.mu.Unlock()
	if conn == nil {
		return
	}
	if client == nil { // it does not block yet
		conn.Close()
		return
	}
	err := l.unblock(client, id)
	switch {
	case err == nil:
	case unavailable(err):
		conn.Close()
	default:
		l.station.broker.putBack(l.queues[l.keys[0]])
	}
}

var errNoID = errors.New("the server does not tell the id of a connection")

func (l *listener) unblock(client *goredis.Client, id int64) error {
	if id == 0 {
		return errNoID
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return client.ClientUnblock(ctx, id).Err()
}

// interruptAll ends them together, for each may have to wait for its server.
func interruptAll(listeners []*listener) {
	var all sync.WaitGroup
	for _, l := range listeners {
		all.Go(l.interrupt)
	}
	all.Wait()
}
