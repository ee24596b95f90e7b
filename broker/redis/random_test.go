package redis_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

// A broker and a plain model get the same random operations, and must agree after
// each. JOBSY_TEST_SEED repeats a run.

const (
	brief  = 2 * time.Millisecond // over once time has passed
	passes = 5 * time.Millisecond
	never  = 1000 * time.Hour
)

func TestRandomOperationsInMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := memory.New(nil)
		defer b.Close()
		w := newWorld(t, b, randomSteps)
		w.pass = func() { time.Sleep(passes) } // of the bubble
		w.run()
	})
}

func TestRandomOperationsOnMiniredis(t *testing.T) {
	t.Parallel()
	places := newBench(nil)
	places.addr = func(t testing.TB) string {
		server := miniredis.RunT(t)
		now := time.Now()
		server.SetTime(now)
		places.mu.Lock()
		defer places.mu.Unlock()
		places.clocks[server.Addr()] = &clock{server: server, now: now}
		return server.Addr()
	}
	b := places.open(t)
	defer b.Close()
	w := newWorld(t, b, randomSteps)
	w.pass = func() { places.advance(b, passes) }
	w.ahead = func() time.Time {
		places.mu.Lock()
		defer places.mu.Unlock()
		return places.clocks[places.places[b].addr].now
	}
	w.left = func() []string { return places.leftovers(t, b) }
	w.run()
}

func TestRandomOperationsOnRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	places := newBench(func(testing.TB) string { return server.Addr() })
	b := places.open(t)
	defer b.Close()
	w := newWorld(t, b, randomSteps/5)
	w.pass = func() { <-time.After(passes) }
	w.left = func() []string { return places.leftovers(t, b) }
	w.run()
}

// world is a broker and the model of it.
type world struct {
	*testing.T
	broker.Broker
	operator  broker.Operator
	inspector broker.Inspector
	pass      func()
	ahead     func() time.Time // the broker's clock
	left      func() []string
	random    *rand.Rand
	steps     int

	tasks   map[uuid.UUID]*modelled
	order   []uuid.UUID // of creation
	leases  []held
	paused  bool
	turn    int
	workers int
	done    []string // what was done, for a failure
}

// modelled is a task as the model has it.
type modelled struct {
	status   task.Status
	priority task.Priority
	turn     int  // of a pending task; 0: released
	sure     bool // the turn is known
	over     bool // its time has passed: due, or its lease ran out, or kept no longer
	token    int64
	key      string
	doomed   bool

	deliveries int
	abandoned  bool // running, and nobody holds the lease
	parked     bool
}

type held struct {
	lease broker.Lease
	token int64
}

func newWorld(t *testing.T, b broker.Broker, steps int) *world {
	seed := rand.Uint64()
	if text := os.Getenv("JOBSY_TEST_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	t.Logf("JOBSY_TEST_SEED=%d", seed)
	return &world{
		T: t, Broker: b, operator: b.(broker.Operator), inspector: b.(broker.Inspector), steps: steps,
		random: rand.New(rand.NewPCG(seed, 0)), tasks: make(map[uuid.UUID]*modelled), ahead: time.Now,
		left: func() []string { return nil },
	}
}

func (w *world) run() {
	operations := []func(){
		w.enqueue, w.enqueue, w.enqueueUnique, w.lease, w.lease, w.lease, w.settle, w.settle, w.settle,
		w.settle, w.extend, w.cancel, w.prioritise, w.remove, w.rerun, w.pauseOrResume, w.unpark,
	}
	for step := range w.steps {
		operations[w.random.IntN(len(operations))]()
		if step%50 == 0 {
			w.compare()
		}
		if step%500 == 0 {
			w.examine()
		}
		if w.Failed() {
			w.Fatalf("after step %d; the last: %q", step, w.done[max(0, len(w.done)-12):])
		}
	}
	w.examine()
	w.end()
	w.examine()
}

// examine checks that the keyspace of Redis is healthy.
func (w *world) examine() {
	b, ok := w.Broker.(*redis.Broker)
	if !ok {
		return
	}
	if found, err := b.Examine(w.Context()); err != nil || len(found) > 0 {
		w.Errorf("Examine found %+v, %v", found, err)
	}
}

func (w *world) did(format string, args ...any) {
	w.done = append(w.done, fmt.Sprintf(format, args...))
}

func (w *world) newTask() *task.Task {
	t := task.New("random", []byte("p"))
	t.Priority = task.Priority(1 + w.random.IntN(3))
	return t
}

func (w *world) add(t *task.Task, delayed, brief bool) {
	m := &modelled{status: task.StatusPending, priority: t.Priority}
	if delayed {
		m.status, m.over = task.StatusScheduled, brief
	} else {
		w.turn++
		m.turn, m.sure = w.turn, true
	}
	w.tasks[t.ID] = m
	w.order = append(w.order, t.ID)
}

func (w *world) enqueue() {
	var tasks []*task.Task
	delayed, soon := w.random.IntN(4) == 0, w.random.IntN(2) == 0
	for range 1 + w.random.IntN(4) {
		t := w.newTask()
		if delayed && soon {
			t.RunAt = w.ahead().Add(brief)
		} else if delayed {
			t.RunAt = w.ahead().Add(never)
		}
		tasks = append(tasks, t)
	}
	w.did("enqueue %d, delayed %t, soon %t", len(tasks), delayed, soon)
	if errs := w.Enqueue(w.Context(), tasks); errs != nil {
		w.Errorf("Enqueue: %v", errs)
	}
	for _, t := range tasks {
		w.add(t, delayed, soon)
	}
	if delayed && soon {
		w.pass()
	}
}

func (w *world) enqueueUnique() {
	t := w.newTask()
	key := strconv.Itoa(w.random.IntN(5))
	t.Unique = task.Unique{Mode: task.UntilEnded, Key: key}
	w.did("enqueue unique %s", key)
	holder := w.holder(key)
	errs := w.Enqueue(w.Context(), []*task.Task{t})
	var duplicate *task.DuplicateError
	switch {
	case holder == uuid.Nil && errs != nil:
		w.Errorf("unique Enqueue: %v, want none", errs)
	case holder == uuid.Nil:
		w.add(t, false, false)
		w.tasks[t.ID].key = key
	case errs == nil || !errors.As(errs[0], &duplicate) || duplicate.ID != holder || !duplicate.Unique:
		w.Errorf("unique Enqueue: %v, want a duplicate of %s", errs, holder)
	}
}

func (w *world) holder(key string) uuid.UUID {
	for id, m := range w.tasks {
		if m.key == key && !m.status.Ended() {
			return id
		}
	}
	return uuid.Nil
}

// parkedTasks returns those that a worker who handles their name gets before what
// is pending, but perhaps not with its first call.
func (w *world) parkedTasks() (ids []uuid.UUID) {
	for _, id := range w.order {
		if m := w.tasks[id]; m != nil && m.parked && !w.paused {
			ids = append(ids, id)
		}
	}
	return ids
}

// unpark leases parked tasks alone, by a worker that has learned of their name.
func (w *world) unpark() {
	ids := w.parkedTasks()
	for _, m := range w.tasks {
		if m.status == task.StatusPending || m.over && !m.parked && !m.status.Ended() {
			return
		}
	}
	if len(ids) == 0 {
		return
	}
	w.workers++
	most := 1 + w.random.IntN(4)
	w.did("unpark %d of %d", most, len(ids))
	ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
	defer cancel()
	leases, err := w.Lease(ctx, broker.LeaseRequest{Worker: fmt.Sprint("w", w.workers), Queues: []string{task.DefaultQueue}, Max: most, Duration: never})
	if len(leases) != min(most, len(ids)) {
		w.Errorf("Lease returned %d tasks and %v, want %d parked ones", len(leases), err, min(most, len(ids)))
		return
	}
	for i, l := range leases {
		if m := w.tasks[l.ID]; m == nil || !m.parked || i > 0 && w.tasks[leases[i-1].ID].priority < m.priority {
			w.Errorf("leased %s, which is not parked or comes too late: %+v", l.ID, m)
			return
		}
	}
	for _, id := range ids {
		last := w.tasks[leases[len(leases)-1].ID]
		leased := slices.ContainsFunc(leases, func(l broker.Lease) bool { return l.ID == id })
		if !leased && w.tasks[id].priority > last.priority {
			w.Errorf("left %+v parked, and leased %+v", *w.tasks[id], *last)
		}
	}
	w.took(leases, false)
}

// leasable returns the tasks that a lease call would get that handles no parked
// one, after it has promoted what is due.
func (w *world) leasable() (expired, pending []uuid.UUID) {
	if w.paused {
		return nil, nil
	}
	for _, id := range w.order {
		m := w.tasks[id]
		switch {
		case m == nil:
		case m.status == task.StatusRunning && m.over:
			expired = append(expired, id)
		case m.status == task.StatusPending:
			pending = append(pending, id)
		case (m.status == task.StatusScheduled || m.status == task.StatusRetrying) && m.over && !m.parked:
			m.status, m.sure, m.turn = task.StatusPending, false, 1
			pending = append(pending, id)
		}
	}
	return expired, pending
}

func (w *world) lease() {
	expired, pending := w.leasable()
	if len(expired)+len(pending) == 0 && w.random.IntN(10) > 0 {
		return
	}
	most, lasts := 1+w.random.IntN(4), never
	soon := w.random.IntN(5) == 0
	if soon {
		lasts = brief
	}
	w.workers++
	w.did("lease %d, soon over %t", most, soon)
	ctx, cancel := context.WithTimeout(w.Context(), w.patience(expired, pending))
	defer cancel()
	leases, err := w.Lease(ctx, broker.LeaseRequest{
		Worker: fmt.Sprint("w", w.workers), Queues: []string{task.DefaultQueue}, Max: most, Duration: lasts,
		Handles: func(string) bool { return false },
	})
	if want := min(most, len(expired)+len(pending)); len(leases) != want {
		w.Errorf("Lease returned %d tasks and %v, want %d", len(leases), err, want)
		return
	}
	w.checkOrder(leases, expired, pending)
	w.took(leases, soon)
	if soon {
		w.pass()
	}
}

// took notes leases that are soon over, or not.
func (w *world) took(leases []broker.Lease, soon bool) {
	for _, l := range leases {
		m := w.tasks[l.ID]
		if l.Token <= m.token {
			w.Errorf("token %d is not greater than %d", l.Token, m.token)
		}
		if l.Cancelled != m.doomed {
			w.Errorf("Cancelled is %t, want %t", l.Cancelled, m.doomed)
		}
		m.status, m.over, m.token, m.abandoned, m.parked = task.StatusRunning, soon, l.Token, false, false
		m.deliveries++
		if l.Deliveries != m.deliveries {
			w.Errorf("the lease of %s is delivery %d, want %d", l.ID, l.Deliveries, m.deliveries)
		}
		w.leases = append(w.leases, held{l, l.Token})
	}
}

func (w *world) patience(expired, pending []uuid.UUID) time.Duration {
	if len(expired)+len(pending) == 0 {
		return passes
	}
	return 10 * time.Second
}

// checkOrder checks that leases that ran out come first, then the greater
// priority, then, where it is known, the earlier turn.
func (w *world) checkOrder(leases []broker.Lease, expired, pending []uuid.UUID) {
	for i, l := range leases {
		m := w.tasks[l.ID]
		if m == nil || !slices.Contains(expired, l.ID) && !slices.Contains(pending, l.ID) {
			w.Errorf("leased %s, which is not to be had: %+v", l.ID, m)
			return
		}
		if first := i < len(expired); first != slices.Contains(expired, l.ID) {
			w.Errorf("lease %d is of a lease that ran out: %t", i, !first)
			return
		}
	}
	for _, l := range leases[min(len(expired), len(leases)):] {
		m := w.tasks[l.ID]
		for _, id := range pending {
			other := w.tasks[id]
			leased := slices.ContainsFunc(leases, func(l broker.Lease) bool { return l.ID == id })
			if !leased && (other.priority > m.priority || other.priority == m.priority && other.sure && m.sure && other.turn < m.turn) {
				w.Errorf("leased %+v before %+v", *m, *other)
			}
		}
	}
}

// some returns a lease that was once given, and whether it is still held.
func (w *world) some() (held, *modelled, bool) {
	if len(w.leases) == 0 {
		return held{}, nil, false
	}
	i := w.random.IntN(len(w.leases))
	if w.random.IntN(3) > 0 {
		i = max(i, len(w.leases)-3)
	}
	h := w.leases[i]
	m := w.tasks[h.lease.ID]
	return h, m, m != nil && m.held(h.token)
}

func (w *world) settle() {
	h, m, holds := w.some()
	if h.token == 0 {
		return
	}
	statuses := []task.Status{task.StatusCompleted, task.StatusFailed, task.StatusCancelled, task.StatusRetrying, task.StatusScheduled, task.StatusPending}
	status, soon := statuses[w.random.IntN(len(statuses))], w.random.IntN(2) == 0
	wait := never
	if soon {
		wait = brief
	}
	o := broker.Outcome{Lease: h.lease, Status: status, Delay: wait, Keep: wait}
	if w.random.IntN(2) == 0 {
		o.Task = h.lease.Task
	}
	if status == task.StatusPending && !soon {
		o.Delay = 0
	}
	o.Parked = status == task.StatusScheduled && w.random.IntN(2) == 0
	w.did("settle %s as %s, soon %t, held %t", h.lease.ID, status, soon, holds)
	errs := w.Settle(w.Context(), []broker.Outcome{o})
	if lost := errs != nil && errors.Is(errs[0], task.ErrLeaseLost); lost == holds || errs != nil && !lost {
		w.Errorf("Settle: %v, held %t", errs, holds)
	}
	if !holds {
		return
	}
	if m.doomed && status != task.StatusCompleted {
		status, soon, o.Parked = task.StatusCancelled, true, false
	}
	if m.become(status, soon); o.Parked {
		m.parked, m.deliveries = true, h.lease.Deliveries-1
	}
	if status.Ended() {
		m.key = ""
	}
	w.passAndForget(h.lease.ID, m, soon)
}

// held reports whether the lease with that token is.
func (m *modelled) held(token int64) bool {
	return m.status == task.StatusRunning && m.token == token && !m.abandoned
}

// become takes what the lease has ended with. A release that is not of the first
// delivery leaves a lease that nobody holds.
func (m *modelled) become(status task.Status, soon bool) {
	m.status, m.over, m.doomed = status, soon, false
	m.sure, m.turn = false, 0
	switch {
	case status != task.StatusPending:
		m.deliveries = 0
	case m.deliveries > 1:
		m.status, m.over, m.abandoned = task.StatusRunning, true, true
		m.deliveries--
	default:
		m.deliveries = 0
	}
}

// passAndForget lets time pass if something was to be over soon; an ended task is
// then gone.
func (w *world) passAndForget(id uuid.UUID, m *modelled, soon bool) {
	if !soon {
		return
	}
	w.pass()
	if m.status.Ended() {
		delete(w.tasks, id)
	}
}

func (w *world) extend() {
	h, m, holds := w.some()
	if h.token == 0 {
		return
	}
	w.did("extend %s, held %t", h.lease.ID, holds)
	errs := w.Extend(w.Context(), []broker.Lease{h.lease}, never)
	var want error
	switch {
	case !holds:
		want = task.ErrLeaseLost
	case m.doomed:
		want = task.ErrCancelled
	}
	w.want("Extend", errs, want)
	if holds {
		m.over = false
	}
}

func (w *world) want(call string, errs []error, want error) {
	w.Helper()
	var got error
	if errs != nil {
		got = errs[0]
	}
	if !errors.Is(got, want) || want == nil && got != nil {
		w.Errorf("%s: %v, want %v", call, got, want)
	}
}

// any returns a task that is or was.
func (w *world) any() (uuid.UUID, *modelled) {
	if len(w.order) == 0 {
		return uuid.New(), nil
	}
	id := w.order[max(0, len(w.order)-1-w.random.IntN(60))]
	return id, w.tasks[id]
}

func (w *world) revise(id uuid.UUID, change broker.Change) []error {
	return w.operator.Revise(w.Context(), task.DefaultQueue, []uuid.UUID{id}, change)
}

func (w *world) cancel() {
	id, m := w.any()
	w.did("cancel %s: %+v", id, m)
	errs := w.revise(id, broker.Change{Status: task.StatusCancelled, Keep: brief})
	switch {
	case m == nil:
		w.want("cancel", errs, task.ErrNotFound)
	case m.status == task.StatusCompleted || m.status == task.StatusFailed:
		w.want("cancel", errs, task.ErrEnded)
	case m.status == task.StatusCancelled:
		w.want("cancel", errs, nil)
	case m.status == task.StatusRunning:
		w.want("cancel", errs, nil)
		m.doomed = true
	default:
		w.want("cancel", errs, nil)
		m.status, m.key, m.parked = task.StatusCancelled, "", false
		w.passAndForget(id, m, true)
	}
}

func (w *world) prioritise() {
	id, m := w.any()
	p := task.Priority(1 + w.random.IntN(3))
	w.did("priority of %s: %d", id, p)
	errs := w.revise(id, broker.Change{Priority: p})
	switch {
	case m == nil:
		w.want("priority", errs, task.ErrNotFound)
	case m.status == task.StatusRunning:
		w.want("priority", errs, task.ErrRunning)
	default:
		w.want("priority", errs, nil)
		m.priority = p
	}
}

func (w *world) remove() {
	id, m := w.any()
	if w.random.IntN(3) > 0 {
		return
	}
	w.did("delete %s", id)
	errs := w.revise(id, broker.Change{Delete: true})
	switch {
	case m == nil:
		w.want("delete", errs, task.ErrNotFound)
	case m.status == task.StatusRunning:
		w.want("delete", errs, task.ErrRunning)
	default:
		w.want("delete", errs, nil)
		delete(w.tasks, id)
	}
}

func (w *world) rerun() {
	id, m := w.any()
	if m != nil && m.status.Ended() && w.random.IntN(2) > 0 {
		return
	}
	w.did("rerun %s: %+v", id, m)
	errs := w.revise(id, broker.Change{Status: task.StatusPending})
	var duplicate *task.DuplicateError
	switch {
	case m == nil:
		w.want("rerun", errs, task.ErrNotFound)
	case m.status == task.StatusRunning:
		w.want("rerun", errs, task.ErrRunning)
	case errs != nil && errors.As(errs[0], &duplicate) && m.status.Ended():
		if other := w.tasks[duplicate.ID]; other == nil || other.status.Ended() || other.key == "" {
			w.Errorf("rerun: duplicate of %s, which holds no lock", duplicate.ID)
		}
	default:
		w.want("rerun", errs, nil)
		w.again(id, m)
	}
}

func (w *world) again(id uuid.UUID, m *modelled) {
	if m.status.Ended() {
		if t, err := w.inspector.Task(w.Context(), task.DefaultQueue, id); err == nil {
			m.key = t.Unique.Key
		}
	}
	if m.status != task.StatusPending {
		m.sure = false
	}
	if m.parked {
		m.parked, m.deliveries = false, 0
	}
	m.status, m.over = task.StatusPending, false
}

func (w *world) pauseOrResume() {
	w.did("pause or resume; paused %t", w.paused)
	var err error
	if w.paused {
		err = w.operator.Resume(w.Context(), task.DefaultQueue)
	} else if w.random.IntN(4) == 0 {
		err = w.operator.Pause(w.Context(), task.DefaultQueue)
		w.paused = true
		if err == nil {
			return
		}
	}
	w.paused = false
	if err != nil {
		w.Errorf("pause or resume: %v", err)
	}
}

// compare checks that the latest tasks stand where the model has them, and that
// the counts agree.
func (w *world) compare() {
	counts, err := w.inspector.Counts(w.Context(), task.DefaultQueue)
	if err != nil {
		w.Errorf("Counts: %v", err)
	}
	want := make(map[task.Status]int)
	for _, m := range w.tasks {
		want[m.status]++
	}
	for _, id := range w.order[max(0, len(w.order)-60):] {
		m := w.tasks[id]
		if m == nil {
			continue
		}
		t, err := w.inspector.Task(w.Context(), task.DefaultQueue, id)
		if err == nil && m.status == task.StatusScheduled && m.over && !m.parked && t.Status == task.StatusPending {
			// On a real clock its time had come before it was enqueued.
			want[m.status]--
			m.status, m.sure, m.turn = task.StatusPending, false, 1
			want[m.status]++
		}
		if err != nil || t.Status != m.status || t.Priority != m.priority {
			w.Errorf("task %s is %+v, %v, want %+v", id, t, err, *m)
			return
		}
	}
	for _, status := range []task.Status{task.StatusPending, task.StatusScheduled, task.StatusRetrying, task.StatusRunning} {
		if counts[status] != want[status] {
			w.Errorf("%d tasks are %s, want %d", counts[status], status, want[status])
		}
	}
}

// endAbandoned completes what runs with nobody, which is all that is left.
func (w *world) endAbandoned() {
	for len(w.tasks) > 0 && !w.Failed() {
		w.workers++
		leases, err := w.Lease(w.Context(), broker.LeaseRequest{Worker: fmt.Sprint("w", w.workers), Queues: []string{task.DefaultQueue}, Max: 100, Duration: never})
		if err != nil {
			w.Fatalf("lease what was handed back: %v", err)
		}
		for _, l := range leases {
			w.want("Settle", w.Settle(w.Context(), []broker.Outcome{{Lease: l, Status: task.StatusCompleted}}), nil)
			delete(w.tasks, l.ID)
		}
	}
}

// end has everything end, and looks for what is left.
func (w *world) end() {
	if w.paused {
		w.pauseOrResume()
	}
	for id, m := range w.tasks {
		if m.status == task.StatusRunning {
			continue
		}
		if errs := w.revise(id, broker.Change{Delete: true}); errs != nil {
			w.Errorf("delete a %s task: %v", m.status, errs)
		}
		delete(w.tasks, id)
	}
	for _, h := range w.leases {
		if m := w.tasks[h.lease.ID]; m != nil && m.held(h.token) {
			w.want("Settle", w.Settle(w.Context(), []broker.Outcome{{Lease: h.lease, Status: task.StatusCompleted}}), nil)
			delete(w.tasks, h.lease.ID)
		}
	}
	w.endAbandoned()
	w.pass()
	for tries := 0; len(w.left()) > 0 && tries < 50; tries++ {
		w.workers++ // each new worker sweeps once
		ctx, cancel := context.WithTimeout(w.Context(), passes)
		_, _ = w.Lease(ctx, broker.LeaseRequest{Worker: fmt.Sprint("w", w.workers), Queues: []string{task.DefaultQueue}, Max: 1, Duration: never})
		cancel()
		w.pass()
	}
	counts, err := w.inspector.Counts(w.Context(), task.DefaultQueue)
	if left := w.left(); err != nil || len(counts) > 0 || len(left) > 0 {
		w.Errorf("after everything has ended there is left: %v %v %v", counts, left, err)
	}
}
