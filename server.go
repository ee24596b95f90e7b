package jobsy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/internal/engine"
	"github.com/nex-gen-tech/jobsy/task"
)

// Defaults of ServerOptions.
const (
	DefaultConcurrency     = 10
	DefaultLeaseDuration   = 15 * time.Second
	DefaultShutdownTimeout = 25 * time.Second
	DefaultMaxDeliveries   = 5
)

// ServerOptions are what a Server can be told. The zero value of each field is
// its default.
type ServerOptions struct {
	// Concurrency is how many handlers run at once. Default:
	// DefaultConcurrency, 10.
	Concurrency int
	// Queues names the queues to work on, each with its weight: a queue of
	// weight 3 is asked first three times as often as one of weight 1.
	// Default: the queue "default".
	Queues map[string]int
	// Name is what this server is called, to people. What it is called in full
	// has a random part behind it, so that two servers of one name are two. At
	// most 200 bytes. Default: host and process id.
	Name string
	// LeaseDuration is how soon the tasks of a dead server run elsewhere.
	// Living servers extend their leases every third of it. At least 50 ms.
	// Default: DefaultLeaseDuration, 15 seconds.
	LeaseDuration time.Duration
	// ShutdownTimeout is how long running handlers may go on once Run's
	// context has ended. -1: not at all. Default: DefaultShutdownTimeout, 25
	// seconds.
	ShutdownTimeout time.Duration
	// MaxDeliveries is how often a task is handed out while the workers that
	// get it die; then it ends failed. For the last time it is handed out, a
	// server runs no other such task beside it: which of those that shared a
	// process kills it cannot be told otherwise. Default: DefaultMaxDeliveries,
	// 5; -1: no bound.
	MaxDeliveries int
	// Backoff says how long a task waits after a failed attempt. Default:
	// task.DefaultBackoff, one second doubling up to six hours, with jitter.
	Backoff task.Backoff
	// IsFailure tells whether an error that a handler returned is a failure. One
	// that is not, such as "the other side is being deployed", consumes no
	// retry; the task still waits as long as the backoff says. Default: every
	// error is one.
	IsFailure func(error) bool
	// OnFailed is called after a task has ended as failed, with the error of its
	// last attempt, or with why there was none. It must be safe for concurrent use:
	// ten calls run at once, apart from all else, so that one that blocks or
	// panics holds up no task. A thousand more may wait; beyond, calls are dropped,
	// which is logged. Its context has the values of Run's. As the server stops,
	// Run waits for the calls, with the handlers, until the ShutdownTimeout; then
	// their context ends, with the cause task.ErrShutdown, and a second later they
	// are left behind. A server that dies calls nobody.
	OnFailed func(ctx context.Context, t *task.Task, err error)
	// FailedRetention is how long a failed or cancelled task stays readable,
	// unless its own Retention is longer. Default: DefaultFailedRetention, 7
	// days; -1: only its own Retention.
	FailedRetention time.Duration
	// Client are the options of the client that Server.Client returns. Default:
	// those of NewClient.
	Client *ClientOptions
	// Logger gets what operators should know. Default: silent.
	Logger *slog.Logger
}

// maxServerName leaves room for what makes a name unique.
const maxServerName = 200

// Server runs tasks. Register handlers, then call Run. Every method is safe for
// concurrent use.
type Server struct {
	broker broker.Broker
	client *Client
	opts   ServerOptions
	log    *slog.Logger
	engine *engine.Engine
	// own are the functions that a Worker's tasks have beside the handlers of
	// their names. Nil: there are none.
	own *ownFunctions

	mu       sync.RWMutex
	handlers map[string]Handler // wrapped once Run has begun, as is unknown
	unknown  Handler            // of the names that have none; nil: there is none
	backoffs map[string]task.Backoff
	use      []Middleware
	started  bool
	errs     []error // what was registered wrongly; Run returns them
}

// NewServer returns a server on the broker; nil makes it a new in-memory one,
// which Client reaches. Nil opts are the defaults. Invalid options surface in
// Run.
func NewServer(b broker.Broker, opts *ServerOptions) *Server { return newServer(b, opts, nil) }

// ownFunctions run tasks that have a function of their own.
type ownFunctions struct {
	has func(*task.Task) bool
	run Handler // wrapped once Run has begun
}

// newServer is NewServer for a Worker, whose tasks have functions of their own.
func newServer(b broker.Broker, opts *ServerOptions, own *ownFunctions) *Server {
	if opts == nil {
		opts = &ServerOptions{}
	}
	s := &Server{broker: b, opts: *opts, own: own, handlers: make(map[string]Handler), backoffs: make(map[string]task.Backoff)}
	s.errs = s.opts.check()
	s.opts.fill()
	s.log = s.opts.Logger
	if b == nil {
		s.broker = memory.New(&memory.Options{Logger: s.log})
	}
	s.client = NewClient(s.broker, s.opts.Client)
	if s.client.optErr != nil {
		s.errs = append(s.errs, s.client.optErr)
	}
	s.engine = engine.New(s.config())
	return s
}

func (s *Server) config() engine.Config {
	o := &s.opts
	return engine.Config{
		Broker: s.broker, Name: o.Name, Concurrency: o.Concurrency, Queues: o.Queues,
		LeaseDuration: o.LeaseDuration, ShutdownTimeout: o.ShutdownTimeout, Log: s.log,
		Policy: engine.Policy{
			MaxDeliveries: o.MaxDeliveries, FailedRetention: o.FailedRetention,
			Backoff: s.backoff, IsFailure: o.IsFailure, Log: s.log,
		},
		Find: s.find, Handles: s.handles, Names: s.names, OnFailed: o.OnFailed,
	}
}

func (o *ServerOptions) check() (errs []error) {
	add := func(field, rule string, value any) {
		errs = append(errs, &task.FieldError{Field: "ServerOptions." + field, Rule: rule, Value: fmt.Sprint(value)})
	}
	if o.Concurrency < 0 || o.Concurrency > 1<<20 {
		add("Concurrency", "must be 0 for the default, or 1 to 2^20", o.Concurrency)
	}
	for name, weight := range o.Queues {
		if err := broker.CheckQueue("ServerOptions.Queues", name); err != nil {
			errs = append(errs, err)
		}
		if weight < 1 {
			add("Queues["+strconv.Quote(name)+"]", "must have a weight of 1 or more", weight)
		}
	}
	if o.Name != "" {
		if err := broker.CheckName("ServerOptions.Name", o.Name); err != nil {
			errs = append(errs, err)
		} else if len(o.Name) > maxServerName {
			add("Name", "must be at most 200 bytes", len(o.Name))
		}
	}
	if o.LeaseDuration != 0 && o.LeaseDuration < 50*time.Millisecond {
		add("LeaseDuration", "must be at least 50ms", o.LeaseDuration)
	}
	if o.MaxDeliveries < -1 {
		add("MaxDeliveries", "must be 0 for the default, -1 for no bound, or positive", o.MaxDeliveries)
	}
	for field, d := range map[string]time.Duration{"ShutdownTimeout": o.ShutdownTimeout, "FailedRetention": o.FailedRetention} {
		if err := broker.CheckDuration("ServerOptions."+field, d); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

func (o *ServerOptions) fill() {
	orDefault(&o.Concurrency, DefaultConcurrency)
	orDefault(&o.LeaseDuration, DefaultLeaseDuration)
	orDefault(&o.ShutdownTimeout, DefaultShutdownTimeout)
	orDefault(&o.MaxDeliveries, DefaultMaxDeliveries)
	orDefault(&o.FailedRetention, DefaultFailedRetention)
	o.ShutdownTimeout, o.FailedRetention = max(o.ShutdownTimeout, 0), max(o.FailedRetention, 0)
	if o.Name == "" {
		host, _ := os.Hostname()
		o.Name = fmt.Sprintf("%s:%d", host[:min(len(host), maxServerName/2)], os.Getpid())
	}
	o.Queues = maps.Clone(o.Queues)
	if len(o.Queues) == 0 {
		o.Queues = map[string]int{task.DefaultQueue: 1}
	}
	if o.Backoff == nil {
		o.Backoff = task.DefaultBackoff()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Client returns a client of the server's broker, with ServerOptions.Client.
func (s *Server) Client() *Client { return s.client }

// HandleFunc registers the handler of the tasks of one name. A nil handler, an
// invalid name, or a second handler for a name is an error that Run returns;
// once Run has begun, it is logged, and the first handler stays.
func (s *Server) HandleFunc(name string, fn func(ctx context.Context, t *task.Task) error) {
	if err := s.register(name, fn); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.refuse(err)
	}
}

func (s *Server) register(name string, fn Handler) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.checkHandler(name, fn); err != nil {
		return err
	}
	s.handlers[name] = s.added(fn)
	return nil
}

// HandleUnknown registers the handler of the tasks whose names have none of their
// own. Without it such tasks wait for a server that handles their name; with it
// this server takes all there are, those that wait so included. A nil handler, or a
// second one, is an error that Run returns; once Run has begun, it is logged, and
// the first handler stays.
func (s *Server) HandleUnknown(fn func(ctx context.Context, t *task.Task) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case fn == nil:
		s.refuse(&task.FieldError{Field: "handler", Rule: "must not be nil", Value: "nil for unknown names"})
	case s.unknown != nil:
		s.refuse(&task.FieldError{Field: "handler", Rule: "must be registered once", Value: "two for unknown names"})
	default:
		s.unknown = s.added(fn)
	}
}

// registered reports whether a name has a handler.
func (s *Server) registered(name string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.handlers[name] != nil
}

// added returns a new handler as it is to be kept, and has a running server ask for
// the tasks that it did not handle before.
func (s *Server) added(h Handler) Handler {
	if !s.started {
		return h
	}
	h = s.wrap(h)
	s.engine.Reconsider()
	return h
}

func (s *Server) setBackoff(name string, backoff task.Backoff) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if backoff != nil {
		s.backoffs[name] = backoff
	}
}

func (s *Server) backoff(name string) task.Backoff {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if backoff := s.backoffs[name]; backoff != nil {
		return backoff
	}
	return s.opts.Backoff
}

func (s *Server) checkHandler(name string, fn Handler) error {
	if err := broker.CheckName("handler name", name); err != nil {
		return err
	}
	if fn == nil {
		return &task.FieldError{Field: "handler", Rule: "must not be nil", Value: "nil for " + strconv.Quote(name)}
	}
	if s.handlers[name] != nil {
		return &task.FieldError{Field: "handler name", Rule: "must be registered once", Value: strconv.Quote(name) + " twice"}
	}
	return nil
}

// Use adds middleware around every handler, the first added outermost. It is an
// error, returned by Run, if one is nil; once Run has begun, Use has no effect
// but a line in the log.
func (s *Server) Use(mw ...Middleware) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range mw {
		switch {
		case m == nil:
			s.refuse(&task.FieldError{Field: "middleware", Rule: "must not be nil"})
		case s.started:
			s.refuse(errors.New("middleware must be added before Run"))
		default:
			s.use = append(s.use, m)
		}
	}
}

func (s *Server) refuse(err error) {
	if s.started {
		s.log.Error("registration refused", "error", err)
		return
	}
	s.errs = append(s.errs, err)
}

func (s *Server) wrap(h Handler) Handler {
	for i := len(s.use) - 1; i >= 0; i-- {
		h = s.use[i](h)
	}
	return h
}

// find returns the handler of a task.
func (s *Server) find(t *task.Task) (engine.Handler, bool) {
	if s.own != nil && s.own.has(t) {
		return s.own.run, true
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if h, ok := s.handlers[t.Name]; ok {
		return h, true
	}
	return s.unknown, s.unknown != nil
}

// handles reports whether find would return one, for a task of that name.
func (s *Server) handles(name string) bool {
	_, ok := s.find(&task.Task{Name: name})
	return ok
}

// names returns the names that have handlers, sorted, and whether there are
// others.
func (s *Server) names() (names []string, others bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.handlers)), s.unknown != nil || s.own != nil
}

// Run works until ctx ends, then drains: it fetches nothing more, waits for the
// running handlers and calls of OnFailed up to ShutdownTimeout, cancels those that
// are left, waits one more second for them to return, and hands the tasks back. Handlers' contexts
// have the values of ctx.
//
// It returns nil after a clean end, errors of registration and options before it
// begins, task.ErrClosed once its broker is closed, and an error if handlers or
// calls of OnFailed were left behind that ignore their context, or tasks that were
// done with could not be settled. A broker that cannot be reached does not end it:
// it goes on trying, and says so in the log. A settlement that does not come back is
// left behind, a lease call whose context has ended is waited for: the in-memory
// broker makes one wait while its storage.Storage hangs. A server runs once; a second call returns task.ErrStarted.
func (s *Server) Run(ctx context.Context) error {
	if err := s.start(); err != nil {
		return err
	}
	s.log.Info("server started", "name", s.engine.Name(), "concurrency", s.opts.Concurrency, "queues", s.opts.Queues)
	err := s.engine.Run(ctx)
	s.log.Info("server stopped", "name", s.engine.Name())
	return err
}

// Healthy returns nil while the server runs and reaches its broker: its last call
// for tasks has not failed, its last report is no older than a server may be
// silent, 45 seconds, and not all of its handlers go on ten seconds and more after
// their contexts have ended. Otherwise it says why, also before Run, once the
// server has been told to stop, and after its end. A server whose handlers are all
// busy is healthy. It asks nobody, so it is cheap, and may be called concurrently:
// for a readiness probe. As a liveness probe it would restart a fleet whenever its
// broker is away, which helps nobody.
func (s *Server) Healthy() error { return s.engine.Healthy() }

// Overdue returns how many handlers go on ten seconds and more after their contexts
// have ended, as of the last look, one every five seconds. They keep their slots
// until they return; the log has their stacks. It asks nobody, so it is cheap, and
// may be called concurrently.
func (s *Server) Overdue() int { return s.engine.Overdue() }

func (s *Server) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return task.ErrStarted
	}
	if len(s.errs) > 0 {
		return errors.Join(s.errs...)
	}
	s.started = true
	for name, h := range s.handlers {
		s.handlers[name] = s.wrap(h)
	}
	if s.unknown != nil {
		s.unknown = s.wrap(s.unknown)
	}
	if s.own != nil {
		s.own.run = s.wrap(s.own.run)
	}
	return nil
}
