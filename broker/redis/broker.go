// Package redis is the broker that keeps tasks in Redis 6.2 or later, Valkey
// included, alone, behind Sentinel or as a Cluster. Any number of processes
// share it. docs/wire.md describes what it keeps, docs/operations.md how to set
// the server up.
package redis

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	defaultPrefix   = "jobsy"
	defaultIdlePoll = 6 * time.Second
	callTimeout     = 10 * time.Second // of one call, its repeats included
	replyMemory     = 60 * time.Second // well over callTimeout: no repeat comes later
	malformedKeep   = 7 * 24 * time.Hour
)

// Options of a Broker. The zero value of each field is its default.
type Options struct {
	// Prefix starts every key, so that several applications can share one
	// database. 1 to 64 bytes without control characters and braces.
	// Default: "jobsy".
	Prefix string
	// IdlePoll is how long an idle server blocks before it looks on its own.
	// Work wakes it at once, so this matters only when a wake-up was lost
	// with the server it was meant for. At least 100 ms. Default: 6 seconds.
	IdlePoll time.Duration
	// Bounds say how many ended tasks of each queue stay readable. Every
	// process of a fleet should say the same. Default: see broker.Bounds.
	Bounds broker.Bounds
	// Durability says what has to have a task before Enqueue calls it taken. If
	// they do not follow in time its error is task.ErrNotDurable. Default: the
	// server's memory.
	Durability Durability
	// Logger gets warnings about the server's settings, malformed records
	// and lost connections. Default: silent.
	Logger *slog.Logger
}

// Broker keeps tasks in Redis. It implements broker.Broker and all the
// optional interfaces beside it, and is safe for concurrent use.
type Broker struct {
	client   goredis.UniversalClient
	owned    bool // opened here, so closed here
	prefix   string
	idlePoll time.Duration
	log      *slog.Logger
	instance string // tells this broker's calls from all others'
	optErr   error

	server    serverCheck
	registry  registry
	enqueues  *batcher
	settles   *batcher
	revisions *batcher
	news      newsroom
	bounds    broker.Bounds
	durable   Durability
	ticks     counter
	recorder  recorder
	stations  stations
	ctx       context.Context // ends with Close
	end       context.CancelFunc
	work      sync.WaitGroup // listeners
	closeOnce sync.Once
	closeErr  error
}

var (
	_ broker.Broker    = (*Broker)(nil)
	_ broker.Inspector = (*Broker)(nil)
	_ broker.Timetable = (*Broker)(nil)
	_ broker.Operator  = (*Broker)(nil)
	_ broker.Notifier  = (*Broker)(nil)
	_ broker.Monitor   = (*Broker)(nil)
	_ broker.Planner   = (*Broker)(nil)
)

// New returns a broker on a client that the caller has and goes on owning:
// Close leaves it open. The client needs its default retries, or P6 (a lost
// reply changes nothing) ends at the first lost reply; with
// ContextTimeoutEnabled, calls end with their context even while the server
// hangs. Each server blocks on one connection of its own, on a Cluster one a
// queue, which is opened with the client's options beside its pool and without
// its hooks. To the client of a Cluster New adds a hook, which has it look for
// the new primary when a node does not answer. New sends nothing; invalid
// options surface in the first call.
func New(client goredis.UniversalClient, opts *Options) *Broker {
	if opts == nil {
		opts = &Options{}
	}
	b := &Broker{
		client:   client,
		prefix:   orDefault(opts.Prefix, defaultPrefix),
		idlePoll: orDefault(opts.IdlePoll, defaultIdlePoll),
		log:      opts.Logger,
		instance: rand.Text()[:10],
		optErr:   opts.check(),
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	refreshed(client)
	b.ctx, b.end = context.WithCancel(context.Background())
	b.enqueues, b.settles, b.revisions = newEnqueues(b), newSettles(b), newRevisions(b)
	b.bounds, b.durable = opts.Bounds, opts.Durability
	return b
}

func (o *Options) check() error {
	if o.Prefix != "" {
		if err := broker.CheckQueue("Options.Prefix", o.Prefix); err != nil {
			return err
		}
		if len(o.Prefix) > 64 {
			return &task.FieldError{Field: "Options.Prefix", Rule: "must be at most 64 bytes"}
		}
	}
	if o.IdlePoll != 0 && o.IdlePoll < 100*time.Millisecond {
		return &task.FieldError{Field: "Options.IdlePoll", Rule: "must be at least 100ms", Value: o.IdlePoll.String()}
	}
	return o.Durability.check()
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// Ping reports whether the server answers, and is new enough. The error is
// task.ErrUnavailable if it does not answer.
func (b *Broker) Ping(ctx context.Context) error {
	if err := b.client.Ping(ctx).Err(); err != nil {
		return wrap("ping redis", err)
	}
	return b.ready(ctx)
}

// Close implements broker.Broker.
func (b *Broker) Close() error {
	b.closeOnce.Do(func() {
		b.enqueues.close()
		b.settles.close()
		b.revisions.close()
		b.end()
		b.stations.interrupt()
		b.news.close()
		if b.owned {
			b.closeErr = b.client.Close()
		}
		b.work.Wait()
	})
	return b.closeErr
}

// usable says why no call can be made, if so.
func (b *Broker) usable() error {
	if b.optErr == nil && b.ctx.Err() != nil {
		return task.ErrClosed
	}
	return b.optErr
}

// ready says likewise, and looks at the server before the first call.
func (b *Broker) ready(ctx context.Context) error {
	if err := b.usable(); err != nil {
		return err
	}
	return b.server.check(ctx, b)
}
