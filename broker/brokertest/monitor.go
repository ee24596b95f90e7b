package brokertest

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func monitorRules() []rule {
	return []rule{
		{observed, "a server is listed with what it said last, until it departs", serversListed},
		{observed, "a server that is not heard of any more is gone", serversExpire},
		{observed, "pages show every server", serverPages},
		{observed, "a server's lists are cut to what is kept", serversCut},
		{observed, "figures add up, by name and in all", figuresAddUp},
		{observed, "figures belong to their queue and their minute", figuresApart},
		{observed, "figures of more than two hours come by ten minutes, and are complete", figuresByTen},
		{observed, "figures by name agree with the totals", figuresAgree},
		{observed, "figures of two processes add up", figuresShared},
		{clean, "figures go after a day", figuresGo},
		{repeatable, "figures are not doubled", figuresRepeated},
		{observed, "what was enqueued is counted, and what was refused is not", arrivalsCounted},
		{observed, "the ticks that were enqueued are counted", ticksCounted},
		{repeatable, "what was enqueued is counted once", arrivalsRepeated},
		{observed, "what goes before a pending task is counted", standingAhead},
		{observed, "a running task's lease is told", standingLease},
		{observed, "a task that waits for another's end tells for which", standingBehind},
		{observed, "the age of the oldest waiting task is known", oldestWaiting},
		{whole, "a bad question of a monitor is refused", badMonitoring},
	}
}

func (s *trial) monitor() broker.Monitor {
	s.Helper()
	monitor, ok := s.broker.(broker.Monitor)
	if !ok {
		s.Skip("the broker is no broker.Monitor")
	}
	return monitor
}

func (s *trial) beat(server broker.ServerInfo, lasts time.Duration) {
	s.Helper()
	if err := s.monitor().Beat(s.ctx, server, lasts); err != nil {
		s.Fatalf("Beat: %v", err)
	}
}

// servers returns all that are listed, by name.
func (s *trial) servers(limit int) map[string]broker.ServerInfo {
	s.Helper()
	found := make(map[string]broker.ServerInfo)
	for cursor, pages := "", 0; ; pages++ {
		page, next, err := s.monitor().Servers(s.ctx, cursor, limit)
		if err != nil || pages > 1000 {
			s.Fatalf("Servers returned error %v after %d pages", err, pages)
		}
		for _, server := range page {
			found[server.Name] = server
		}
		if cursor = next; cursor == "" {
			return found
		}
	}
}

func serversListed(s *trial) {
	s.monitor()
	at := time.UnixMilli(1_700_000_000_123)
	a := broker.ServerInfo{
		Name: "a", Host: "host", PID: 7, Version: "v1", StartedAt: at, Concurrency: 3,
		Queues: map[string]int{"default": 1, "mail": 2}, Handlers: []string{"x", "y"}, Busy: 1,
		Running: []broker.RunningTask{{ID: uuid.New(), Name: "x", Queue: "mail", Since: at}},
	}
	before := s.now()
	s.beat(broker.ServerInfo{Name: "a", Host: "elsewhere"}, long)
	s.beat(a, long)
	s.beat(broker.ServerInfo{Name: "b", Stopping: true, AnyName: true}, long)
	found := s.servers(10)
	got := found["a"]
	if got.SeenAt.Before(before.Add(-grain)) || got.SeenAt.After(s.now().Add(grain)) || got.Expires.Sub(got.SeenAt).Round(time.Second) != long {
		s.Errorf("a server was seen at %s and expires at %s, want now and in %s", got.SeenAt, got.Expires, long)
	}
	got.SeenAt, got.Expires = time.Time{}, time.Time{}
	same := got.StartedAt.Equal(a.StartedAt) && len(got.Running) == 1 && got.Running[0].Since.Equal(at) && got.Running[0].ID == a.Running[0].ID
	got.StartedAt, got.Running = a.StartedAt, a.Running
	if !same || !reflect.DeepEqual(got, a) || len(found) != 2 || !found["b"].Stopping || !found["b"].AnyName {
		s.Errorf("Servers returned %+v, want a as %+v, and b", found, a)
	}
	for range 2 {
		if err := s.monitor().Depart(s.ctx, "a"); err != nil {
			s.Errorf("Depart: %v", err)
		}
	}
	if found := s.servers(10); len(found) != 1 || found["b"].Name != "b" {
		s.Errorf("after a has departed, Servers returned %+v, want b", found)
	}
	_ = s.monitor().Depart(s.ctx, "b")
	s.leavesNothing()
}

func serversExpire(s *trial) {
	s.monitor()
	s.beat(broker.ServerInfo{Name: "dies"}, short)
	s.beat(broker.ServerInfo{Name: "lives"}, short)
	s.beat(broker.ServerInfo{Name: "lives"}, long)
	s.pass(short)
	if found := s.servers(10); len(found) != 1 || found["lives"].Name == "" {
		s.Errorf("Servers returned %+v, want the one that lives", found)
	}
}

func serverPages(s *trial) {
	s.monitor()
	const n = 30
	for i := range n {
		s.beat(broker.ServerInfo{Name: fmt.Sprintf("server-%d", i)}, long)
	}
	if found := s.servers(7); len(found) != n {
		s.Errorf("the pages show %d servers, want %d: %v", len(found), n, slices.Sorted(maps.Keys(found)))
	}
}

func serversCut(s *trial) {
	s.monitor()
	many := broker.ServerInfo{Name: "many", Busy: 3 * broker.MaxListed}
	for i := range 3 * broker.MaxListed {
		many.Running = append(many.Running, broker.RunningTask{ID: uuid.New()})
		many.Handlers = append(many.Handlers, fmt.Sprint(i))
	}
	s.beat(many, long)
	got := s.servers(10)["many"]
	if len(got.Running) != broker.MaxListed || len(got.Handlers) != broker.MaxListed || got.Busy != many.Busy || !got.AnyName {
		s.Errorf("listed with %d running tasks of %d and %d handlers (any: %v), want %d each", len(got.Running), got.Busy,
			len(got.Handlers), got.AnyName, broker.MaxListed)
	}
}

// tallied returns the tally of one completed attempt.
func tallied(wait, run time.Duration) broker.Tally {
	t := broker.Tally{Completed: 1, Failed: 2, Retried: 3}
	t.Wait.Observe(wait)
	t.Run.Observe(run)
	return t
}

func (s *trial) record(queue string, tallies map[string]broker.Tally) {
	s.Helper()
	if err := s.monitor().Record(s.ctx, queue, tallies); err != nil {
		s.Fatalf("Record: %v", err)
	}
}

// figures returns those of an hour, by the broker's clock.
func (s *trial) figures(queue string) broker.Figures {
	s.Helper()
	return s.figuresOf(queue, time.Hour)
}

// figuresOf returns those from so long ago until now.
func (s *trial) figuresOf(queue string, ago time.Duration) broker.Figures {
	s.Helper()
	now := s.now()
	f, err := s.monitor().Figures(s.ctx, queue, now.Add(-ago), now.Add(2*time.Minute))
	if err != nil {
		s.Fatalf("Figures: %v", err)
	}
	return f
}

func (s *trial) figuresByName(queue string, ago time.Duration) map[string]*broker.Tally {
	s.Helper()
	now := s.now()
	names, err := s.monitor().FiguresByName(s.ctx, queue, now.Add(-ago), now.Add(2*time.Minute))
	if err != nil {
		s.Fatalf("FiguresByName: %v", err)
	}
	return names
}

// recorded checks how often each name was completed of late, and in all.
func (s *trial) recorded(queue string, ago time.Duration, want map[string]int64) {
	s.Helper()
	got, all, periods := make(map[string]int64), int64(0), int64(0)
	for name, t := range s.figuresByName(queue, ago) {
		got[name] = t.Completed
	}
	for _, n := range want {
		all += n
	}
	f := s.figuresOf(queue, ago)
	for _, p := range f.Periods {
		periods += p.Completed
	}
	if !maps.Equal(got, want) || f.Total.Completed != all || periods != all {
		s.Errorf("figures of %v, %d in all and %d in the periods, want %v", got, f.Total.Completed, periods, want)
	}
}

func figuresAddUp(s *trial) {
	s.monitor()
	s.record("q", map[string]broker.Tally{"a": tallied(time.Second, time.Minute), "b:c": tallied(0, time.Millisecond)})
	s.record("q", map[string]broker.Tally{"a": tallied(time.Second, time.Hour), "": tallied(0, 0)})
	s.record("q", nil)
	f := s.figures("q")
	s.recorded("q", time.Hour, map[string]int64{"a": 2, "b:c": 1, "": 1})
	want := tallied(time.Second, time.Minute)
	other := tallied(time.Second, time.Hour)
	want.Add(&other)
	if got := s.figuresByName("q", time.Hour)["a"]; got == nil || *got != want {
		s.Errorf("figures of a: %+v, want %+v", got, want)
	}
	if t := f.Total; t.Failed != 8 || t.Retried != 12 || t.Run.Count() != 4 || t.Wait.Sum != 2*time.Second {
		s.Errorf("figures in all: %+v", t)
	}
	if now := s.now(); f.Now.After(now.Add(grain)) || f.Now.Before(now.Add(-time.Minute)) {
		s.Errorf("figures of the time %s, want %s", f.Now, now)
	}
}

func figuresApart(s *trial) {
	s.monitor()
	s.record("q", map[string]broker.Tally{"a": tallied(0, 0)})
	s.record("other", map[string]broker.Tally{"b": tallied(0, 0)})
	s.recorded("q", time.Hour, map[string]int64{"a": 1})
	f := s.figures("q")
	if len(f.Periods) != 1 || f.Step != time.Minute {
		s.Fatalf("figures of %d periods of %s, want one of a minute", len(f.Periods), f.Step)
	}
	at := f.Periods[0].At
	for _, span := range [][2]time.Time{{at.Add(-time.Hour), at}, {at.Add(time.Minute), at.Add(time.Hour)}, {at.Add(time.Hour), at}} {
		f, err := s.monitor().Figures(s.ctx, "q", span[0], span[1])
		names, errOfNames := s.monitor().FiguresByName(s.ctx, "q", span[0], span[1])
		if err != nil || errOfNames != nil || len(f.Periods) != 0 || len(names) != 0 {
			s.Errorf("figures from %s to %s of the minute at %s: %+v, %v, %v", span[0], span[1], at, f.Periods, names, errors.Join(err, errOfNames))
		}
	}
}

func figuresByTen(s *trial) {
	s.needsAdvance()
	s.monitor()
	s.record("q", map[string]broker.Tally{"a": tallied(0, 0)})
	s.enqueue(newTask("a"))
	s.advance(time.Minute)
	s.record(task.DefaultQueue, nil)
	s.record("q", map[string]broker.Tally{"a": tallied(0, 0)})
	s.advance(3 * time.Hour)
	s.record("q", map[string]broker.Tally{"b": tallied(0, 0)})
	s.recorded("q", 4*time.Hour, map[string]int64{"a": 2, "b": 1})
	s.recorded("q", time.Hour, map[string]int64{"b": 1})
	if f := s.figures("q"); f.Step != time.Minute || len(f.Periods) != 1 {
		s.Errorf("figures of an hour come as %d periods of %s, want one of a minute", len(f.Periods), f.Step)
	}
	f := s.figuresOf("q", 4*time.Hour)
	if f.Step != 10*time.Minute || len(f.Periods) < 2 || len(f.Periods) > 3 {
		s.Errorf("figures of four hours come as %d periods of %s, want two or three of 10m", len(f.Periods), f.Step)
	}
	for _, p := range f.Periods {
		if !p.At.Equal(p.At.Truncate(f.Step)) {
			s.Errorf("ten minutes begin at %s", p.At)
		}
	}
	if f := s.figuresOf(task.DefaultQueue, 4*time.Hour); f.Enqueued != 1 {
		s.Errorf("figures of %d enqueued, want 1", f.Enqueued)
	}
	s.end(s.lease())
}

func figuresAgree(s *trial) {
	s.monitor()
	many := make(map[string]broker.Tally)
	for i := range broker.MaxNames {
		many[fmt.Sprint(i)] = tallied(time.Duration(i)*time.Millisecond, time.Duration(i)*time.Second)
	}
	s.record("q", many)
	s.record("q", map[string]broker.Tally{"": tallied(time.Hour, 0), "0": tallied(0, 0)})
	for _, ago := range []time.Duration{time.Hour, 3 * time.Hour} {
		var sum broker.Tally
		for _, t := range s.figuresByName("q", ago) {
			sum.Add(t)
		}
		if f := s.figuresOf("q", ago); f.Total != sum || sum.Completed != broker.MaxNames+2 {
			s.Errorf("figures of %s: %+v in all, by name %+v", ago, f.Total, sum)
		}
	}
}

func figuresShared(s *trial) {
	s.monitor()
	other := s.another()
	s.record("q", map[string]broker.Tally{"a": tallied(0, 0)})
	other.record("q", map[string]broker.Tally{"a": tallied(0, 0)})
	other.recorded("q", time.Hour, map[string]int64{"a": 2})
}

func figuresGo(s *trial) {
	s.needsAdvance()
	s.monitor()
	s.record("q", map[string]broker.Tally{"a": tallied(0, 0)})
	s.advance(24*time.Hour + 20*time.Minute)
	s.record("q", map[string]broker.Tally{"b": tallied(0, 0)})
	s.recorded("q", 25*time.Hour, map[string]int64{"b": 1})
}

func figuresRepeated(s *trial) {
	s.monitor()
	if s.harness.LoseReply == nil {
		s.Skip("Harness.LoseReply is nil")
	}
	for range 2 {
		s.harness.LoseReply(s.broker)
		s.record("q", map[string]broker.Tally{"a": tallied(0, 0)})
	}
	s.recorded("q", time.Hour, map[string]int64{"a": 2})
}

// arrived checks how many tasks were enqueued, in all and in the periods.
func (s *trial) arrived(queue string, want int64) {
	s.Helper()
	f, periods := s.figures(queue), int64(0)
	for _, p := range f.Periods {
		periods += p.Enqueued
	}
	if f.Enqueued != want || periods != want {
		s.Errorf("figures of %d enqueued in all and %d in the periods of %q, want %d", f.Enqueued, periods, queue, want)
	}
}

func arrivalsCounted(s *trial) {
	s.monitor()
	same, differs := newTask("a"), newTask("differs")
	s.enqueue(same, newTask("b"))
	differs.ID = same.ID
	if errs := s.broker.Enqueue(s.ctx, []*task.Task{same, differs}); len(errs) != 2 || errs[0] == nil || errs[1] == nil {
		s.Fatalf("Enqueue of a task that is there and of another with its ID: %v", errs)
	}
	s.arrived(same.Queue, 2)
	s.record(same.Queue, map[string]broker.Tally{"a": tallied(0, 0)})
	s.arrived(same.Queue, 2)
	sole := unique("c", task.UntilEnded)
	s.enqueue(sole)
	s.excluded(sole.ID, unique("d", task.UntilEnded))
	for range 3 {
		s.end(s.lease())
	}
	s.arrived(same.Queue, 3)
	s.record(same.Queue, nil)
	s.arrived(same.Queue, 3)
	s.arrived("other", 0)
}

func ticksCounted(s *trial) {
	s.monitor()
	timetable := s.timetable()
	s.join(timetable, task.DefaultQueue, "s")
	at := s.now()
	s.ticks(timetable, tickAt(at, "first"), true)
	s.ticks(timetable, tickAt(at, "again"), false)
	s.arrived(task.DefaultQueue, 1)
	s.end(s.lease())
	s.leave(timetable, task.DefaultQueue, "s")
}

func arrivalsRepeated(s *trial) {
	s.monitor()
	if s.harness.LoseReply == nil {
		s.Skip("Harness.LoseReply is nil")
	}
	one := newTask("a")
	for range 2 {
		s.harness.LoseReply(s.broker)
		_ = s.broker.Enqueue(s.ctx, []*task.Task{one})
		s.harness.LoseReply(s.broker)
		s.record(one.Queue, nil)
		s.arrived(one.Queue, 1)
	}
	s.end(s.lease())
}

func (s *trial) standing(t *task.Task) broker.Standing {
	s.Helper()
	found, err := s.monitor().Standing(s.ctx, t.Queue, t.ID)
	if err != nil || found.Task == nil || found.Task.ID != t.ID {
		s.Fatalf("Standing returned %+v, %v", found, err)
	}
	if found.Now.IsZero() {
		s.Errorf("Standing does not tell the time")
	}
	return found
}

func standingAhead(s *trial) {
	s.monitor()
	low, first, second, high := newTaskOf("low", 1), newTaskOf("1", 100), newTaskOf("2", 100), newTaskOf("high", 200)
	s.enqueue(low, first, second, high)
	for n, t := range []*task.Task{high, first, second, low} {
		if got := s.standing(t); got.Ahead != n || got.Task.Status != task.StatusPending {
			s.Errorf("%d tasks go before %s (%s), want %d", got.Ahead, t.Payload, got.Task.Status, n)
		}
	}
}

func standingLease(s *trial) {
	s.monitor()
	waiting := newTask("waiting")
	s.enqueue(newTask("running"), waiting)
	lease := s.lease()
	got := s.standing(lease.Task)
	if got.Token != lease.Token || got.Deliveries != 1 || got.Expires.Sub(got.Now).Round(time.Minute) != long {
		s.Errorf("the lease is told as token %d, %d deliveries, expiring at %s, want token %d and %s from now", got.Token,
			got.Deliveries, got.Expires, lease.Token, long)
	}
	if got := s.standing(waiting); !got.Expires.IsZero() || got.Token != 0 {
		s.Errorf("a lease is told of a task that waits: %+v", got)
	}
}

func standingBehind(s *trial) {
	s.monitor()
	unique := func(label string) *task.Task {
		t := newTask(label)
		t.Unique = task.Unique{Mode: task.Latest, Key: "k"}
		return t
	}
	first, second := unique("first"), unique("second")
	s.enqueue(first)
	lease := s.lease()
	s.enqueue(second)
	if got := s.standing(second); got.Behind != first.ID || !got.Task.RunAt.IsZero() {
		s.Errorf("it waits for the end of %s and is due at %v, want %s and no time", got.Behind, got.Task.RunAt, first.ID)
	}
	s.end(lease)
	if got := s.standing(second); got.Behind != uuid.Nil {
		s.Errorf("it still waits for the end of %s", got.Behind)
	}
}

func oldestWaiting(s *trial) {
	inspector := s.inspector()
	s.monitor()
	oldest := func() time.Duration {
		info, err := inspector.Queue(s.ctx, task.DefaultQueue)
		if err != nil {
			s.Fatalf("Queue: %v", err)
		}
		return info.Oldest
	}
	if got := oldest(); got != 0 {
		s.Errorf("the oldest task of an empty queue has waited for %s", got)
	}
	low := newTaskOf("low", 1)
	delayed := newTask("delayed")
	delayed.RunAt = s.now().Add(long)
	s.enqueue(low, delayed)
	s.pass(3 * short) // by the clock of the producer it may be less
	s.enqueue(newTaskOf("high", 200))
	if got := oldest(); got < short || got >= long {
		s.Errorf("the oldest task has waited for %s, want %s or a little more", got, 3*short)
	}
}

func badMonitoring(s *trial) {
	m := s.monitor()
	refused := func(what string, err error) {
		s.Helper()
		if !errors.Is(err, task.ErrInvalid) {
			s.Errorf("%s: error %v, want task.ErrInvalid", what, err)
		}
	}
	refused("a server without a name", m.Beat(s.ctx, broker.ServerInfo{}, long))
	refused("a beat that lasts for no time", m.Beat(s.ctx, broker.ServerInfo{Name: "a"}, 0))
	refused("a departure without a name", m.Depart(s.ctx, ""))
	for _, limit := range []int{0, -1, broker.MaxBatch + 1} {
		_, _, err := m.Servers(s.ctx, "", limit)
		refused(fmt.Sprintf("limit %d", limit), err)
	}
	_, _, err := m.Servers(s.ctx, "no cursor", 1)
	refused("a bad cursor", err)
	refused("figures of no queue", m.Record(s.ctx, "", map[string]broker.Tally{"a": {}}))
	refused("figures of a bad name", m.Record(s.ctx, "q", map[string]broker.Tally{"a\n": {}}))
	many := make(map[string]broker.Tally)
	for i := range broker.MaxNames + 1 {
		many[fmt.Sprint(i)] = broker.Tally{}
	}
	refused("figures of too many names", m.Record(s.ctx, "q", many))
	_, err = m.Figures(s.ctx, "", time.Time{}, time.Time{})
	refused("figures of no queue", err)
	_, err = m.FiguresByName(s.ctx, "", time.Time{}, time.Time{})
	refused("figures by name of no queue", err)
	_, err = m.Standing(s.ctx, "", uuid.New())
	refused("the standing in no queue", err)
	if _, err := m.Standing(s.ctx, "q", uuid.New()); !errors.Is(err, task.ErrNotFound) {
		s.Errorf("the standing of an unknown task: error %v", err)
	}
}
