package broker

import (
	"cmp"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/task"
)

const (
	maxKey     = 512
	maxHeaders = 64 << 10
)

// Times are kept as nanoseconds since 1970 in 64 bits, which end in 2262.
var (
	minTime = time.Unix(0, 0)
	maxTime = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Prepare makes a task ready to be enqueued: it checks what the producer set,
// writes the defaults into zero fields, and clears what the broker records.
// Brokers call it for every task they are given. The error is a *task.FieldError,
// or the task's Err; the task is then left as it was.
func Prepare(t *task.Task) error {
	if err := checkTask(t); err != nil {
		return err
	}
	fillDefaults(t)
	if t.EnqueuedAt.IsZero() {
		t.EnqueuedAt = time.Now().Round(0)
	}
	t.Status, t.Attempt, t.LastError, t.Result = "", 0, "", nil
	t.StartedAt, t.EndedAt = time.Time{}, time.Time{}
	t.Snoozes, t.Excused, t.Deliveries = 0, 0, 0
	t.Token, t.Worker = 0, ""
	t.Progress, t.History, t.Members = task.Progress{}, nil, nil
	return nil
}

func fillDefaults(t *task.Task) {
	if t.ID == uuid.Nil {
		t.ID = uuid.Must(uuid.NewV7())
	}
	if t.Queue == "" {
		t.Queue = task.DefaultQueue
	}
	if t.Priority == 0 {
		t.Priority = task.MediumPriority
	}
	if t.MaxRetry == 0 {
		t.MaxRetry = task.DefaultMaxRetry
	}
	if t.Timeout == 0 {
		t.Timeout = task.DefaultTimeout
	}
	fillGather(&t.Gather)
}

func fillGather(g *task.Gather) {
	if g.Key == "" {
		return
	}
	if g.Size == 0 {
		g.Size = task.DefaultGatherSize
	}
	if g.Delay == 0 {
		g.Delay = task.DefaultGatherDelay
	}
	if g.Quiet == 0 || g.Quiet > g.Delay {
		g.Quiet = g.Delay
	}
}

// checkTask returns the first error, in the order of the fields.
func checkTask(t *task.Task) error {
	return cmp.Or(
		t.Err(),
		CheckName("Name", t.Name),
		checkHeaders(t.Headers),
		CheckQueue("Queue", cmp.Or(t.Queue, task.DefaultQueue)),
		CheckPriority("Priority", t.Priority),
		CheckMaxRetry("MaxRetry", t.MaxRetry),
		CheckDuration("Timeout", t.Timeout),
		checkRetention(t.Retention),
		checkTime("RunAt", t.RunAt),
		checkTime("Deadline", t.Deadline),
		checkOrder(t.RunAt, t.Deadline),
		checkTime("EnqueuedAt", t.EnqueuedAt),
		checkUnique(t.Unique),
		checkGather(t),
	)
}

func checkRetention(d time.Duration) error {
	if d < 0 {
		return &task.FieldError{Field: "Retention", Rule: "must not be negative", Value: d.String()}
	}
	return nil
}

func checkHeaders(headers map[string]string) error {
	size := 0
	for k, v := range headers {
		switch {
		case k == "":
			return &task.FieldError{Field: "Headers", Rule: "must not have an empty key"}
		case !utf8.ValidString(k) || !utf8.ValidString(v):
			return &task.FieldError{Field: "Headers", Rule: "must be valid UTF-8", Value: quote(k)}
		}
		size += len(k) + len(v)
	}
	if size > maxHeaders {
		return &task.FieldError{Field: "Headers", Rule: fmt.Sprintf("must be at most %d bytes in all", maxHeaders), Value: fmt.Sprint(size)}
	}
	return nil
}

func checkTime(field string, at time.Time) error {
	if !at.IsZero() && (at.Before(minTime) || at.After(maxTime)) {
		return &task.FieldError{Field: field, Rule: "must be between 1970 and 2262", Value: at.Format(time.RFC3339)}
	}
	return nil
}

func checkOrder(runAt, deadline time.Time) error {
	if !deadline.IsZero() && runAt.After(deadline) {
		return &task.FieldError{Field: "RunAt", Rule: "must not be after Deadline", Value: runAt.Format(time.RFC3339) + " after " + deadline.Format(time.RFC3339)}
	}
	return nil
}

func checkUnique(u task.Unique) error {
	switch {
	case u.Mode < task.NotUnique || u.Mode > task.Latest:
		return &task.FieldError{Field: "Unique.Mode", Rule: "must be one of the modes of package task", Value: strconv.Itoa(int(u.Mode))}
	case u.Mode == task.NotUnique && u != task.Unique{}:
		return &task.FieldError{Field: "Unique.Mode", Rule: "must be set if another field of Unique is"}
	case len(u.Key) > maxKey:
		return &task.FieldError{Field: "Unique.Key", Rule: "must be at most 512 bytes", Value: strconv.Itoa(len(u.Key))}
	case (u.Mode == task.Throttle || u.Mode == task.Debounce) && u.For < time.Millisecond:
		return &task.FieldError{Field: "Unique.For", Rule: "must be at least 1ms with Throttle and Debounce", Value: u.For.String()}
	case u.Mode != task.Throttle && u.Mode != task.Debounce && u.For != 0:
		return &task.FieldError{Field: "Unique.For", Rule: "must be 0 but with Throttle and Debounce", Value: u.For.String()}
	case u.Limit != 0 && (u.Mode != task.Debounce || u.Limit < u.For):
		return &task.FieldError{Field: "Unique.Limit", Rule: "must be 0, or with Debounce at least For", Value: u.Limit.String()}
	}
	return nil
}

func checkGather(t *task.Task) error {
	g := t.Gather
	switch {
	case g.Key == "" && g != task.Gather{}:
		return &task.FieldError{Field: "Gather.Key", Rule: "must be set if another field of Gather is"}
	case len(g.Key) > maxKey:
		return &task.FieldError{Field: "Gather.Key", Rule: "must be at most 512 bytes", Value: strconv.Itoa(len(g.Key))}
	case g.Size != 0 && (g.Size < 2 || g.Size > task.MaxGatherSize):
		return &task.FieldError{Field: "Gather.Size", Rule: "must be 2 to 1000, or 0 for the default", Value: strconv.Itoa(g.Size)}
	case g.Delay < 0:
		return &task.FieldError{Field: "Gather.Delay", Rule: "must not be negative", Value: g.Delay.String()}
	case g.Quiet < 0:
		return &task.FieldError{Field: "Gather.Quiet", Rule: "must not be negative", Value: g.Quiet.String()}
	case g.Key != "" && t.Unique.Mode != task.NotUnique:
		return &task.FieldError{Field: "Unique.Mode", Rule: "cannot be combined with Gather"}
	case g.Key != "" && !t.RunAt.IsZero():
		return &task.FieldError{Field: "RunAt", Rule: "cannot be combined with Gather"}
	}
	return nil
}
