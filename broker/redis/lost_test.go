package redis_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/faultproxy"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/lua"
	"github.com/nex-gen-tech/jobsy/task"
)

// away is a broker whose server goes away in the middle of a call and comes back
// when the call has been given up.
type away struct {
	*testing.T
	addr  string // of the server itself
	proxy *faultproxy.Proxy
	*redis.Broker
}

// newAway has the server know the scripts already.
func newAway(t *testing.T, addr string) *away {
	p := faultproxy.Start(t, addr)
	a := &away{t, addr, p, open(t, p.Addr(), &redis.Options{Prefix: t.Name()})}
	enqueue(t, a.Broker, task.New("warm", nil))
	complete(t, a.Broker, leaseOne(t, a.Broker))
	return a
}

// lose makes a call whose first request reaches the server, and no other one. No
// reply comes, and the server stays away.
func (a *away) lose(call func() []error) {
	a.Helper()
	a.proxy.DropNext(1, "evalsha")
	begin := time.Now()
	ended := make(chan []error, 1)
	go func() { ended <- call() }()
	a.untilLost()
	a.proxy.Cut()
	for i, err := range <-ended {
		if !errors.Is(err, task.ErrUnavailable) {
			a.Fatalf("element %d of a call without an answer: %v, want ErrUnavailable", i, err)
		}
	}
	a.Logf("the call was given up after %s", time.Since(begin))
}

// untilLost waits until a reply that is to be lost has been.
func (a *away) untilLost() {
	a.Helper()
	deadline := time.After(10 * time.Second)
	for a.proxy.Left() > 0 {
		select {
		case <-deadline:
			a.Fatal("no reply was lost")
		case <-time.After(time.Millisecond): // looks again
		}
	}
}

func (a *away) settle(outcomes ...broker.Outcome) []error { return a.Settle(a.Context(), outcomes) }

func onBothServers(t *testing.T, test func(a *away)) {
	t.Parallel()
	for name, addr := range map[string]func(t *testing.T) string{
		"redis":     func(t *testing.T) string { return redistest.Start(t).Addr() },
		"miniredis": func(t *testing.T) string { return miniredis.RunT(t).Addr() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newAway(t, addr(t)))
		})
	}
}

// A settlement that comes back after an outage is answered as the first one was,
// whatever was settled in between, and in whichever company it comes.
func TestASettlementComesBackAfterAnOutage(t *testing.T) {
	onBothServers(t, func(a *away) {
		tasks := make([]*task.Task, 6)
		for i := range tasks {
			tasks[i] = task.New("work", nil)
		}
		enqueue(a.T, a.Broker, tasks...)
		outcomes := make([]broker.Outcome, len(tasks))
		for i := range outcomes {
			l := leaseOne(a.T, a.Broker)
			outcomes[i] = broker.Outcome{Lease: l, Status: task.StatusCompleted, Keep: time.Hour, Task: l.Task}
		}
		complete(a.T, a.Broker, outcomes[0].Lease)
		a.lose(func() []error { return a.settle(outcomes[:4]...) })
		for begin := time.Now(); time.Since(begin) < 2*time.Second; { // each call tries for a while
			wantErrors(a.T, a.settle(outcomes[3], outcomes[4]), task.ErrUnavailable, task.ErrUnavailable)
		}
		a.proxy.Heal(a)
		wantErrors(a.T, a.settle(outcomes[4]), nil)
		wantErrors(a.T, a.settle(outcomes[5], outcomes[2], outcomes[0]), nil, nil, task.ErrLeaseLost)
		wantErrors(a.T, a.settle(outcomes[1], outcomes[3]), nil, nil)
		wantErrors(a.T, a.settle(outcomes...), slices.Repeat([]error{task.ErrLeaseLost}, len(outcomes))...)
	})
}

// A server is told of a failure that it had settled before an outage, once.
func TestAFailureBeforeAnOutageIsToldOf(t *testing.T) {
	onBothServers(t, func(a *away) {
		a.proxy.DropNext(1, "$6\r\nfailed") // the status of an outcome
		told := make(chan uuid.UUID, 2)
		server := jobsy.NewServer(a.Broker, &jobsy.ServerOptions{OnFailed: func(_ context.Context, t *task.Task, _ error) { told <- t.ID }})
		server.HandleFunc("work", func(context.Context, *task.Task) error {
			return jobsy.SkipRetry(errors.New("no use"))
		})
		ctx, cancel := context.WithCancel(a.Context())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		work := task.New("work", nil)
		enqueue(a.T, a.Broker, work)
		a.untilLost()
		a.proxy.Cut()
		look := open(a.T, a.addr, &redis.Options{Prefix: a.Name()})
		if found, err := look.Task(a.Context(), task.DefaultQueue, work.ID); err != nil || found.Status != task.StatusFailed {
			a.Errorf("the task is %+v, %v, want it settled as failed", found, err)
		}
		away := time.NewTimer(2 * time.Second) // beyond the repeats of one call
		defer away.Stop()
		select {
		case <-told:
			a.Error("the server was told while Redis was away")
		case <-away.C:
		}
		a.proxy.Heal(a)
		select {
		case id := <-told:
			if id != work.ID {
				a.Errorf("told of %s, want %s", id, work.ID)
			}
		case <-time.After(10 * time.Second):
			a.Error("P6: the server was never told")
		}
		cancel()
		if err := <-ended; err != nil {
			a.Error(err)
		}
		if len(told) != 0 {
			a.Error("told twice")
		}
	})
}

// Another outcome of the same lease is no repeat.
func TestAnotherOutcomeIsNoRepeat(t *testing.T) {
	onBothServers(t, func(a *away) {
		enqueue(a.T, a.Broker, task.New("work", nil))
		l := leaseOne(a.T, a.Broker)
		a.lose(func() []error { return a.settle(broker.Outcome{Lease: l, Status: task.StatusCompleted}) })
		a.proxy.Heal(a)
		wantErrors(a.T, a.settle(broker.Outcome{Lease: l, Status: task.StatusRetrying}), task.ErrLeaseLost)
		wantErrors(a.T, a.settle(broker.Outcome{Lease: l, Status: task.StatusCompleted}), nil)
	})
}

// What was not made before the outage is made after it.
func TestASettlementThatNeverArrived(t *testing.T) {
	onBothServers(t, func(a *away) {
		enqueue(a.T, a.Broker, task.New("work", nil))
		l := leaseOne(a.T, a.Broker)
		a.proxy.Cut()
		wantErrors(a.T, a.settle(broker.Outcome{Lease: l, Status: task.StatusCompleted}), task.ErrUnavailable)
		a.proxy.Heal(a)
		wantErrors(a.T, a.settle(broker.Outcome{Lease: l, Status: task.StatusCompleted}), nil)
		wantErrors(a.T, a.settle(broker.Outcome{Lease: l, Status: task.StatusCompleted}), task.ErrLeaseLost)
	})
}

// A task that was enqueued, run and dropped before its producer came back is not
// run again; one that comes once more is another one.
func TestAnEnqueueComesBackAfterAnOutage(t *testing.T) {
	onBothServers(t, func(a *away) {
		standing, work, waits := task.New("work", nil), task.New("work", nil), task.New("work", nil)
		other := standing.Clone()
		other.Payload = []byte("other")
		enqueue(a.T, a.Broker, standing)
		batch := []*task.Task{work, other, waits, work}
		a.lose(func() []error { return a.Enqueue(a.Context(), batch) })
		a.proxy.Heal(a)
		enqueue(a.T, a.Broker, task.New("in between", nil))
		for range 2 {
			complete(a.T, a.Broker, leaseOne(a.T, a.Broker)) // standing and work
		}
		wantErrors(a.T, a.Enqueue(a.Context(), batch), nil, task.ErrDuplicate, nil, task.ErrDuplicate)
		wantErrors(a.T, a.Enqueue(a.Context(), []*task.Task{waits}), task.ErrDuplicate)
		counts, err := a.Counts(a.Context(), task.DefaultQueue)
		if err != nil || counts[task.StatusPending] != 2 {
			a.Errorf("P6: %v pending, %v, want the one that waits and the one in between", counts, err)
		}
	})
}

// What its producer has given up on is not enqueued later by itself.
func TestAnEnqueueThatNeverArrivedStaysAway(t *testing.T) {
	onBothServers(t, func(a *away) {
		given, back := task.New("given up", nil), task.New("back", nil)
		a.proxy.Cut()
		wantErrors(a.T, a.Enqueue(a.Context(), []*task.Task{given, back}), task.ErrUnavailable, task.ErrUnavailable)
		a.proxy.Heal(a)
		enqueue(a.T, a.Broker, back)
		if l := leaseOne(a.T, a.Broker); l.ID != back.ID {
			a.Errorf("leased %s, want what came back", l.Task.Name)
		}
		if counts, err := a.Counts(a.Context(), task.DefaultQueue); err != nil || counts[task.StatusPending] != 0 {
			a.Errorf("%v, %v, want nothing pending", counts, err)
		}
	})
}

// A producer whose context ended before the answer came is told it when it comes back.
func TestAnEnqueueWhoseCallerHasLeft(t *testing.T) {
	onBothServers(t, func(a *away) {
		look := open(a.T, a.addr, &redis.Options{Prefix: a.Name()})
		work := task.New("work", nil)
		a.proxy.Stall()
		ctx, cancel := context.WithTimeout(a.Context(), 50*time.Millisecond)
		defer cancel()
		wantErrors(a.T, a.Enqueue(ctx, []*task.Task{work}), task.ErrUnavailable)
		a.proxy.Heal(a)
		complete(a.T, look, leaseOne(a.T, look))
		enqueue(a.T, a.Broker, task.New("in between", nil))
		enqueue(a.T, a.Broker, work)
		if l := leaseOne(a.T, look); l.Task.Name != "in between" {
			a.Errorf("leased %s, want what was enqueued in between", l.Task.Name)
		}
		if counts, err := look.Counts(a.Context(), task.DefaultQueue); err != nil || counts[task.StatusPending] != 0 {
			a.Errorf("P6: %v, %v, want nothing pending", counts, err)
		}
	})
}

// A request that arrives after its sender has asked about it does nothing.
func TestALateCallDoesNothing(t *testing.T) {
	onBothServers(t, func(a *away) {
		work := task.New("work", nil)
		a.proxy.Stall()
		wantErrors(a.T, a.Enqueue(a.Context(), []*task.Task{work}), task.ErrUnavailable)
		a.proxy.Heal(a) // the requests arrive now, the first of them before or after what comes next
		enqueue(a.T, a.Broker, work)
		complete(a.T, a.Broker, leaseOne(a.T, a.Broker))
		wantErrors(a.T, a.Enqueue(a.Context(), []*task.Task{task.New("last", nil)}), nil)
		if l := leaseOne(a.T, a.Broker); l.Task.Name != "last" {
			a.Errorf("P6: leased %s %s again", l.Task.Name, l.ID)
		}
	})
}

// Of a call that has not arrived by the time at which it is asked about, the scripts
// say that it was not made, and see to it.
func TestAskingPrecludesTheCall(t *testing.T) {
	onBothServers(t, func(a *away) {
		client, record := lookInside(a.T, a.proxy.Addr()), "record"
		var took, settled []string
		for i := range 15 {
			took, settled = append(took, fmt.Sprintf("{q}:took:%d", i)), append(settled, fmt.Sprintf("{q}:settled:%d", i))
		}
		says := func(source string, keys []string, want string, args ...any) {
			a.Helper()
			// Some servers answer "1" with 1.
			if got := fmt.Sprint(client.Eval(a.Context(), source, keys, args...).Val()); got != want {
				a.Errorf("%v: got %q, want %q", args, got, want)
			}
		}
		id := strings.Repeat("i", 22)
		says(lua.Enqueue(), took, "-", "1", 1000, 0)
		says(lua.Enqueue(), took, "-", "1", 1000, 1, id, 255, record)
		says(lua.Enqueue(), took, "", "2", 1000, 1, id, 255, record)
		says(lua.Enqueue(), took, "1!", "3", 1000, 1, id, 255, record)
		says(lua.Enqueue(), took, "1", "4", 1000, 1, id, 255, "another")
		says(lua.Enqueue(), took, "1", "4", 1000, 0)
		says(lua.Settle(), settled, "-", "1", 1000, "news", 0)
		says(lua.Settle(), settled, "-", "1", 1000, "news", 1, id+"|1|1", "completed", 0, 1, "")
		says(lua.Settle(), settled, "1", "2", 1000, "news", 1, id+"|1|1", "completed", 0, 1, "")
		says(lua.Settle(), settled, "-", "2", 1000, "news", 0) // it has ended no lease
	})
}

func wantErrors(t *testing.T, errs []error, want ...error) {
	t.Helper()
	if errs == nil {
		errs = make([]error, len(want))
	}
	got := fmt.Sprint(errs)
	if len(errs) != len(want) {
		t.Fatalf("got %s, want %v", got, want)
	}
	for i := range want {
		if !errors.Is(errs[i], want[i]) {
			t.Errorf("P6: got %s, want %v", got, want)
			return
		}
	}
}
