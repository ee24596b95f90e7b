package redis_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/brokertest"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
)

func TestConformanceOnMiniredis(t *testing.T) {
	t.Parallel()
	brokertest.Run(t, newBench(func(t testing.TB) string { return miniredis.RunT(t).Addr() }).harness())
}

// The clock of this server moves only when a test moves it.
func TestConformanceOnMiniredisWithItsClock(t *testing.T) {
	t.Parallel()
	b := newBench(nil)
	b.addr = func(t testing.TB) string {
		server := miniredis.RunT(t)
		server.SetTime(time.Now())
		b.mu.Lock()
		defer b.mu.Unlock()
		b.clocks[server.Addr()] = &clock{server: server, now: time.Now()}
		return server.Addr()
	}
	h := b.harness()
	h.Advance = b.advance
	brokertest.Run(t, h)
}

func TestConformanceOnRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	brokertest.Run(t, newBench(func(testing.TB) string { return server.Addr() }).harness())
}

// bench gives each broker of the suite a key prefix and a client of its own.
type bench struct {
	addr   func(testing.TB) string // or a URL
	user   string                  // name:password@ of the brokers, if not everybody's
	mu     sync.Mutex
	places map[broker.Broker]*place
	clocks map[string]*clock // by address
}

// clock is that of a miniredis.
type clock struct {
	server *miniredis.Miniredis
	now    time.Time
}

// place is where a broker lives.
type place struct {
	addr, prefix string
	client       goredis.UniversalClient // for looking in from outside
	wire         *lossyWire
	bounds       broker.Bounds
}

func newBench(addr func(testing.TB) string) *bench {
	return &bench{addr: addr, places: make(map[broker.Broker]*place), clocks: make(map[string]*clock)}
}

func (b *bench) harness() brokertest.Harness {
	return brokertest.Harness{
		New:       b.open,
		Bounded:   b.bounded,
		Again:     func(t testing.TB, other broker.Broker) broker.Broker { return b.connect(t, *b.at(other)) },
		Restart:   b.restart,
		Leftovers: b.leftovers,
		Corrupt:   b.corrupt,
		LoseReply: func(other broker.Broker) { b.at(other).wire.arm() },
	}
}

func (b *bench) restart(t testing.TB, other broker.Broker) broker.Broker {
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	return b.connect(t, *b.at(other))
}

func (b *bench) advance(opened broker.Broker, d time.Duration) {
	addr := b.at(opened).addr
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.clocks[addr]
	c.now = c.now.Add(d)
	c.server.SetTime(c.now)
	c.server.FastForward(d)
}

func (b *bench) open(t testing.TB) broker.Broker { return b.bounded(t, broker.Bounds{}) }

func (b *bench) bounded(t testing.TB, bounds broker.Bounds) broker.Broker {
	addr := b.addr(t)
	return b.connect(t, place{addr: addr, prefix: "test-" + uuid.NewString(), client: clientOf(t, addr, nil), bounds: bounds})
}

func (b *bench) connect(t testing.TB, p place) broker.Broker {
	p.wire = &lossyWire{}
	addr := p.addr
	if b.user != "" {
		addr = "redis://" + b.user + addr
	}
	client := clientOf(t, addr, p.wire)
	opened := redis.New(client, &redis.Options{Prefix: p.prefix, Bounds: p.bounds})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.places[opened] = &p
	return opened
}

// clientOf returns a client of its own, as Open has it, that a wire goes through.
func clientOf(t testing.TB, addr string, wire *lossyWire) goredis.UniversalClient {
	if !strings.Contains(addr, "://") {
		addr = "redis://" + addr
	}
	client, err := redis.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	switch cluster, ok := client.(*goredis.ClusterClient); {
	case wire == nil:
	case ok:
		cluster.OnNewNode(func(node *goredis.Client) { node.AddHook(wire) })
	default:
		client.AddHook(wire)
	}
	return client
}

func (b *bench) at(opened broker.Broker) *place {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.places[opened]
}

func (b *bench) leftovers(t testing.TB, opened broker.Broker) []string {
	p := b.at(opened)
	keys := keysOf(t, p.client, p.prefix+":*")
	var left []string
	for _, key := range keys {
		_, rest, _ := strings.Cut(key, "}:")
		switch {
		case key == p.prefix+":queues", rest == "seq", rest == "arrivals", rest == "wake", rest == "schedules", rest == "dropped", goesByItself(rest):
		default:
			left = append(left, key)
		}
	}
	found, err := opened.(*redis.Broker).Examine(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		left = append(left, fmt.Sprintf("%s in %s: %s", f.Kind, f.Key, f.Detail))
	}
	return left
}

func keysOf(t testing.TB, client goredis.UniversalClient, pattern string) []string {
	ctx := context.Background()
	cluster, ok := client.(*goredis.ClusterClient)
	if !ok {
		keys, err := client.Keys(ctx, pattern).Result()
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	var mu sync.Mutex
	var all []string
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, node *goredis.Client) error {
		keys, err := node.Keys(ctx, pattern).Result()
		mu.Lock()
		defer mu.Unlock()
		all = append(all, keys...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (b *bench) corrupt(t testing.TB, opened broker.Broker, queue string, id uuid.UUID, how brokertest.Corruption) {
	p := b.at(opened)
	key, field := p.prefix+":{"+queue+"}:tasks", base64.RawURLEncoding.EncodeToString(id[:])
	var err error
	switch how {
	case brokertest.Garbage:
		err = p.client.HSet(context.Background(), key, field, "\xff\xfe no record").Err()
	case brokertest.Empty:
		err = p.client.HSet(context.Background(), key, field, "").Err()
	case brokertest.Missing:
		err = p.client.HDel(context.Background(), key, field).Err()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// lossyWire loses the reply to a script call when it is armed: the server has
// acted, then the connection drops.
type lossyWire struct {
	mu    sync.Mutex
	armed bool
}

func (w *lossyWire) arm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = true
}

// takes reports whether this reply is the one to lose. That a server does not
// know a script yet is no reply to what was asked.
func (w *lossyWire) takes(reply []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	takes := w.armed && !bytes.Contains(reply, []byte("NOSCRIPT"))
	w.armed = w.armed && !takes
	return takes
}

// lossyWire is a goredis.Hook.

func (w *lossyWire) DialHook(next goredis.DialHook) goredis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &lossyConn{Conn: conn, wire: w}, nil
	}
}

func (w *lossyWire) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook { return next }

func (w *lossyWire) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

type lossyConn struct {
	net.Conn
	wire   *lossyWire
	script bool // the last request was a script call
}

func (c *lossyConn) Write(request []byte) (int, error) {
	lower := bytes.ToLower(request)
	c.script = bytes.Contains(lower, []byte("evalsha")) || bytes.Contains(lower, []byte("eval\r\n"))
	return c.Conn.Write(request)
}

func (c *lossyConn) Read(reply []byte) (int, error) {
	n, err := c.Conn.Read(reply)
	if err == nil && c.script && c.wire.takes(reply[:n]) {
		c.Conn.Close()
		return 0, io.EOF
	}
	return n, err
}

// goesByItself reports whether a key of a queue is one that expires.
func goesByItself(name string) bool {
	what, _, _ := strings.Cut(name, ":")
	return slices.Contains([]string{"reply", "figures", "names", "figures10", "names10"}, what)
}
