package brokertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/task"
)

func enqueueRules() []rule {
	return []rule{
		{whole, "defaults are written into the caller's task", defaultsAreWritten},
		{whole, "what the broker records is cleared", recordedFieldsAreCleared},
		{whole, "a bad field is refused by name and the rest is taken", badFieldsAreRefused},
		{whole, "a nil task is refused and the rest is taken", nilTaskIsRefused},
		{whole, "arguments that cannot be encoded are refused", badArgumentsAreRefused},
		{whole, "a refused task leaves nothing behind", refusedLeavesNothing},
		{whole, "a batch beyond MaxBatch is served or refused", oversizedBatch},
		{lossless, "every field of a task survives", fieldsSurvive},
		{lossless, "a full batch is taken and settled", fullBatch},
		{lossless, "an empty call does nothing", emptyCalls},
		{lossless, "one ID in two queues is two tasks", oneIDInTwoQueues},
		{lossless, "enqueuing with an ended context fails", enqueueWithEndedContext},
	}
}

func defaultsAreWritten(s *trial) {
	given := &task.Task{Name: "defaults"}
	s.enqueue(given)
	if given.ID == uuid.Nil || given.EnqueuedAt.IsZero() {
		s.Errorf("ID is %s and EnqueuedAt %s, want both set", given.ID, given.EnqueuedAt)
	}
	if given.Status != task.StatusPending {
		s.Errorf("the caller's task has the status %q, want pending", given.Status)
	}
	got := s.lease()
	for _, t := range []*task.Task{given, got.Task} {
		if t.ID != given.ID || t.Name != "defaults" || t.Queue != task.DefaultQueue || t.Priority != task.MediumPriority ||
			t.MaxRetry != task.DefaultMaxRetry || t.Timeout != task.DefaultTimeout || !t.RunAt.IsZero() {
			s.Errorf("the task is %+v, want every default in it", *t)
		}
	}
	s.end(got)
	s.leavesNothing()
}

// same compares what the producer sets of two tasks.
func (s *trial) same(what string, got, want *task.Task) {
	s.Helper()
	if !bytes.Equal(given(got), given(want)) {
		s.Errorf("%s is %+v, want %+v", what, *got, *want)
	}
}

// given returns the record of what the producer set.
func given(t *task.Task) []byte {
	c := t.Clone()
	if err := broker.Prepare(c); err != nil {
		return []byte(err.Error())
	}
	return record.Encode(c)
}

func recordedFieldsAreCleared(s *trial) {
	t := newTask("used")
	t.Status, t.Attempt, t.LastError, t.Result = task.StatusFailed, 7, "old", []byte("old")
	t.Deliveries, t.Token, t.Worker = 7, 1<<40, "old"
	t.Snoozes, t.Excused = 7, 7
	s.enqueue(t)
	got := s.lease()
	if d := got.Task; d.Attempt != 0 || d.LastError != "" || d.Result != nil || d.Deliveries != 1 {
		s.Errorf("the task was leased with Attempt %d, LastError %q, Result %q, Deliveries %d, want 0, none, none, 1",
			d.Attempt, d.LastError, d.Result, d.Deliveries)
	}
	if d := got.Task; d.Snoozes != 0 || d.Excused != 0 {
		s.Errorf("the task was leased with Snoozes %d and Excused %d, want 0", d.Snoozes, d.Excused)
	}
	if got.Token == 1<<40 || got.Task.Worker == "old" {
		s.Errorf("the task was leased with the caller's token or worker")
	}
	s.end(got)
}

type badTask struct {
	field string
	task  *task.Task
}

func badTasks() []badTask {
	var bad []badTask
	add := func(field string, spoil func(*task.Task)) {
		t := newTask("bad " + field)
		spoil(t)
		bad = append(bad, badTask{field, t})
	}
	add("Name", func(t *task.Task) { t.Name = "" })
	add("Name", func(t *task.Task) { t.Name = strings.Repeat("n", 256) })
	add("Name", func(t *task.Task) { t.Name = "line\nbreak" })
	add("Name", func(t *task.Task) { t.Name = "\xff" })
	add("Queue", func(t *task.Task) { t.Queue = "{tag}" })
	add("Queue", func(t *task.Task) { t.Queue = strings.Repeat("q", 129) })
	add("Queue", func(t *task.Task) { t.Queue = "zero\x00" })
	add("Priority", func(t *task.Task) { t.Priority = -1 })
	add("Priority", func(t *task.Task) { t.Priority = 256 })
	add("MaxRetry", func(t *task.Task) { t.MaxRetry = -2 })
	add("Timeout", func(t *task.Task) { t.Timeout = -time.Second })
	add("Retention", func(t *task.Task) { t.Retention = -1 })
	add("RunAt", func(t *task.Task) { t.RunAt = time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC) })
	add("RunAt", func(t *task.Task) { t.RunAt, t.Deadline = time.Unix(2_000_000_000, 1), time.Unix(2_000_000_000, 0) })
	add("Deadline", func(t *task.Task) { t.Deadline = time.Date(2263, 1, 1, 0, 0, 0, 0, time.UTC) })
	add("Headers", func(t *task.Task) { t.Headers = map[string]string{"": "v"} })
	add("Headers", func(t *task.Task) { t.Headers = map[string]string{"k": strings.Repeat("v", 64<<10)} })
	return bad
}

// badFieldsAreRefused hands in good and bad tasks by turns.
func badFieldsAreRefused(s *trial) {
	bad := badTasks()
	var batch, before []*task.Task
	var want []string
	for i, b := range bad {
		good := newTask(fmt.Sprint(i))
		batch = append(batch, good, b.task)
		before = append(before, b.task.Clone())
		want = append(want, fmt.Sprint(i))
	}
	errs := s.broker.Enqueue(s.ctx, batch)
	if len(errs) != len(batch) {
		s.Fatalf("Enqueue returned %d errors for %d tasks", len(errs), len(batch))
	}
	for i, b := range bad {
		if errs[2*i] != nil {
			s.Errorf("a good task was refused: %v", errs[2*i])
		}
		s.isFieldError(errs[2*i+1], b.field)
		if !reflect.DeepEqual(b.task, before[i]) {
			s.Errorf("the task with a bad %s was changed, though it was refused", b.field)
		}
	}
	got := s.leases(len(bad), len(bad))
	if found := labels(got); !slices.Equal(found, want) {
		s.Errorf("leased %v, want %v", found, want)
	}
	s.end(got...)
	s.leavesNothing()
}

func (s *trial) isFieldError(err error, field string) {
	s.Helper()
	var refusal *task.FieldError
	if !errors.As(err, &refusal) || !errors.Is(err, task.ErrInvalid) {
		s.Errorf("a bad %s got error %v, want a *task.FieldError", field, err)
		return
	}
	if refusal.Field != field || refusal.Rule == "" {
		s.Errorf("a bad %s got the error %q, which names field %q and rule %q", field, err, refusal.Field, refusal.Rule)
	}
}

func nilTaskIsRefused(s *trial) {
	defer func() {
		if cause := recover(); cause != nil {
			s.Errorf("Enqueue panics: %v", cause)
		}
	}()
	errs := s.broker.Enqueue(s.ctx, []*task.Task{newTask("good"), nil})
	s.match("Enqueue", errs, nil, task.ErrInvalid)
	s.onlyOne("good")
}

func badArgumentsAreRefused(s *trial) {
	bad := task.Kind[func()]{Name: "unencodable"}.New(nil)
	good := newTask("good")
	errs := s.broker.Enqueue(s.ctx, []*task.Task{bad, good})
	if len(errs) != 2 || errs[0] == nil || errs[1] != nil {
		s.Fatalf("Enqueue returned %v, want an error and nil", errs)
	}
	got := s.lease()
	if got.ID != good.ID {
		s.Errorf("leased task %s, want %s", got.ID, good.ID)
	}
	s.end(got)
	s.leavesNothing()
}

func refusedLeavesNothing(s *trial) {
	bad := newTask("bad")
	bad.Queue, bad.Priority = "refused", 256
	if errs := s.broker.Enqueue(s.ctx, []*task.Task{bad}); len(errs) != 1 || errs[0] == nil {
		s.Fatalf("Enqueue returned %v, want one error", errs)
	}
	s.nothing("refused")
	if inspector, ok := s.broker.(broker.Inspector); ok {
		if queues, err := inspector.Queues(s.ctx); err != nil || len(queues) > 0 {
			s.Errorf("Queues returned %v, %v after a refused task, want none", queues, err)
		}
	}
	s.leavesNothing("refused")
}

// oversizedBatch may go either way for each task, but not both.
func oversizedBatch(s *trial) {
	tasks := newTasks(broker.MaxBatch + 1)
	errs := s.broker.Enqueue(s.ctx, tasks)
	taken := len(tasks)
	if errs != nil && len(errs) != len(tasks) {
		s.Fatalf("Enqueue returned %d errors for %d tasks", len(errs), len(tasks))
	}
	for _, err := range errs {
		if err != nil {
			taken--
		}
	}
	got := s.leases(taken, broker.MaxBatch)
	s.nothing()
	if errs := s.broker.Extend(s.ctx, got, long); errs != nil && len(errs) != len(got) {
		s.Errorf("Extend returned %d errors for %d leases", len(errs), len(got))
	}
	for half := range slices.Chunk(got, broker.MaxBatch/2) {
		s.end(half...)
	}
	s.leavesNothing()
}

func fieldsSurvive(s *trial) {
	full := &task.Task{
		ID: uuid.New(), Name: "every: field ✓", Payload: []byte{0, 255, '\r', '\n', 0},
		Headers: map[string]string{"trace": "a|b", "empty": "", "ключ": "值"},
		Queue:   "mail: to|all ✉", Priority: 255, RunAt: time.Unix(1, 999_999_999), MaxRetry: -1, Timeout: -1,
		Deadline: time.Now().Add(long), Retention: 90 * time.Second, EnqueuedAt: time.Unix(1_700_000_000, 1),
	}
	large := newTask(strings.Repeat("large", 200_000))
	large.Queue, large.Priority, large.Timeout = full.Queue, 1, time.Nanosecond
	s.enqueue(full, large)
	req := s.request(s.worker(), 1)
	req.Queues = []string{full.Queue}
	for _, want := range []*task.Task{full, large} {
		got := s.leaseAs(req)
		if !bytes.Equal(given(got.Task), given(want)) {
			s.Errorf("the leased task is %.500s, want %.500s", fmt.Sprint(*got.Task), fmt.Sprint(*want))
		}
		s.end(got)
	}
	s.leavesNothing(full.Queue)
}

func fullBatch(s *trial) {
	s.enqueue(newTasks(broker.MaxBatch)...)
	got := s.leases(broker.MaxBatch, broker.MaxBatch)
	for i, label := range labels(got) {
		if label != fmt.Sprint(i) {
			s.Fatalf("task %s was leased as number %d", label, i)
		}
	}
	s.extend(2*long, got...)
	s.end(got...)
	s.leavesNothing()
}

func emptyCalls(s *trial) {
	if errs := s.broker.Enqueue(s.ctx, nil); errs != nil {
		s.Errorf("Enqueue of nothing returned %v", errs)
	}
	if errs := s.broker.Extend(s.ctx, nil, long); errs != nil {
		s.Errorf("Extend of nothing returned %v", errs)
	}
	if errs := s.broker.Settle(s.ctx, nil); errs != nil {
		s.Errorf("Settle of nothing returned %v", errs)
	}
	s.leavesNothing()
}

func oneIDInTwoQueues(s *trial) {
	a, b := newTask("a"), newTask("b")
	b.ID, b.Queue = a.ID, "other"
	s.enqueue(a, b)
	first := s.lease()
	req := s.request(s.worker(), 1)
	req.Queues = []string{"other"}
	second := s.leaseAs(req)
	if found := labels([]broker.Lease{first, second}); !slices.Equal(found, []string{"a", "b"}) {
		s.Errorf("leased %v, want a and b", found)
	}
	s.end(first)
	s.end(second)
	s.leavesNothing(task.DefaultQueue, "other")
}

func enqueueWithEndedContext(s *trial) {
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	errs := s.broker.Enqueue(ctx, newTasks(2))
	s.match("Enqueue", errs, context.Canceled, context.Canceled)
}
