package broker_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/internal/tasktest"
	"github.com/nex-gen-tech/jobsy/task"
)

func TestPrepareFillsDefaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		got := &task.Task{Name: "n"}
		if err := broker.Prepare(got); err != nil {
			t.Fatal(err)
		}
		if got.ID.Version() != 7 {
			t.Errorf("id is %v, want one of version 7", got.ID)
		}
		want := &task.Task{
			ID: got.ID, Name: "n", Queue: "default", Priority: 128, MaxRetry: 25, Timeout: 30 * time.Minute,
			EnqueuedAt: time.Now(),
		}
		if diff := tasktest.Differ(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// A client that enqueues again what may have been enqueued must write the
// identical record.
func TestPrepareTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		got := task.New("n", nil)
		if err := broker.Prepare(got); err != nil {
			t.Fatal(err)
		}
		first := record.Encode(got)
		time.Sleep(time.Hour) // of the bubble's clock
		got.Status, got.Attempt = task.StatusRunning, 3
		if err := broker.Prepare(got); err != nil {
			t.Fatal(err)
		}
		if again := record.Encode(got); !bytes.Equal(first, again) {
			t.Errorf("the record became %x from %x", again, first)
		}
	})
}

func TestPrepareClearsWhatTheBrokerRecords(t *testing.T) {
	t.Parallel()
	r := tasktest.NewRandom(t)
	for range 100 {
		got := tasktest.Random(r)
		got.RunAt, got.Deadline, got.EnqueuedAt = time.Unix(1e9, 0), time.Unix(2e9, 0), time.Unix(3e9, 0)
		delete(got.Headers, "")
		got.Unique, got.Gather = task.Unique{Mode: task.UntilEnded}, task.Gather{}
		want := got.Clone()
		want.Progress, want.History, want.Members = task.Progress{}, nil, nil
		want.Status, want.Attempt, want.LastError, want.Result = "", 0, "", nil
		want.StartedAt, want.EndedAt, want.Deliveries, want.Token, want.Worker = time.Time{}, time.Time{}, 0, 0, ""
		want.Snoozes, want.Excused = 0, 0
		if err := broker.Prepare(got); err != nil {
			t.Fatal(err)
		}
		if diff := tasktest.Differ(want, got); diff != "" {
			t.Fatal(diff)
		}
	}
}

func headers(pairs ...string) map[string]string {
	m := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

// refusals are tasks that Prepare refuses, with what its error says.
var refusals = []struct {
	field, rule, value string
	task               task.Task
}{
	{"Name", "must not be empty", "", task.Task{}},
	{"Name", "must be at most 255 bytes", "256", task.Task{Name: strings.Repeat("n", 256)}},
	{"Name", "must be at most 255 bytes", "256", task.Task{Name: strings.Repeat("é", 128)}},
	{"Name", "must be valid UTF-8", `"n\xff"`, task.Task{Name: "n\xff"}},
	{"Name", "must not contain control characters", `"a\nb"`, task.Task{Name: "a\nb"}},
	{"Name", "must not contain control characters", `"\x00"`, task.Task{Name: "\x00"}},
	{"Name", "must not contain control characters", `"\x7f"`, task.Task{Name: "\x7f"}},
	{"Name", "must not contain control characters", `"` + strings.Repeat("n", 40) + `"…`, task.Task{Name: strings.Repeat("n", 50) + "\t"}},
	{"Headers", "must not have an empty key", "", task.Task{Name: "n", Headers: headers("", "v")}},
	{"Headers", "must be valid UTF-8", `"\xff"`, task.Task{Name: "n", Headers: headers("\xff", "v")}},
	{"Headers", "must be valid UTF-8", `"k"`, task.Task{Name: "n", Headers: headers("k", "\xff")}},
	{"Headers", "must be at most 65536 bytes in all", "65537", task.Task{Name: "n", Headers: headers("k", strings.Repeat("v", 65535), "l", "")}},
	{"Queue", "must be at most 128 bytes", "129", task.Task{Name: "n", Queue: strings.Repeat("q", 129)}},
	{"Queue", "must not contain braces", `"a{b"`, task.Task{Name: "n", Queue: "a{b"}},
	{"Queue", "must not contain braces", `"}"`, task.Task{Name: "n", Queue: "}"}},
	{"Queue", "must be valid UTF-8", `"\xc3("`, task.Task{Name: "n", Queue: "\xc3("}},
	{"Queue", "must not contain control characters", `"q\r"`, task.Task{Name: "n", Queue: "q\r"}},
	{"Priority", "must be 1 to 255, or 0 for the default", "-1", task.Task{Name: "n", Priority: -1}},
	{"Priority", "must be 1 to 255, or 0 for the default", "256", task.Task{Name: "n", Priority: 256}},
	{"MaxRetry", "must be 0 for the default, -1 for none, or a count up to 2^30", "-2", task.Task{Name: "n", MaxRetry: -2}},
	{"MaxRetry", "must be 0 for the default, -1 for none, or a count up to 2^30", "1073741825", task.Task{Name: "n", MaxRetry: 1<<30 + 1}},
	{"Timeout", "must be 0 for the default, -1 for none, or positive", "-2ns", task.Task{Name: "n", Timeout: -2}},
	{"Timeout", "must be 0 for the default, -1 for none, or positive", "-1s", task.Task{Name: "n", Timeout: -time.Second}},
	{"Retention", "must not be negative", "-1ns", task.Task{Name: "n", Retention: -1}},
	{"RunAt", "must be between 1970 and 2262", "1969-12-31T23:59:59Z", task.Task{Name: "n", RunAt: time.Unix(0, -1).UTC()}},
	{"RunAt", "must be between 1970 and 2262", "2262-01-01T00:00:00Z", task.Task{Name: "n", RunAt: end.Add(1)}},
	{"Deadline", "must be between 1970 and 2262", "1969-12-31T23:59:59Z", task.Task{Name: "n", Deadline: time.Unix(0, -1).UTC()}},
	{"Deadline", "must be between 1970 and 2262", "3000-01-01T00:00:00Z", task.Task{Name: "n", Deadline: time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)}},
	{"EnqueuedAt", "must be between 1970 and 2262", "2262-01-01T00:00:00Z", task.Task{Name: "n", EnqueuedAt: end.Add(1)}},
}

// A task that is due at its deadline is in time.
func TestPrepareRefusesWhatIsDueTooLate(t *testing.T) {
	t.Parallel()
	at := time.Unix(2e9, 0)
	for late, refused := range map[time.Duration]bool{-time.Second: false, 0: false, 1: true, time.Hour: true} {
		err := broker.Prepare(&task.Task{Name: "n", RunAt: at.Add(late), Deadline: at})
		var field *task.FieldError
		if refused != (errors.As(err, &field) && field.Field == "RunAt" && field.Rule == "must not be after Deadline") {
			t.Errorf("due %v after its deadline: %v, refused is to be %t", late, err, refused)
		}
		if !refused && err != nil {
			t.Errorf("due %v after its deadline: %v", late, err)
		}
	}
	for _, open := range []*task.Task{{Name: "n", RunAt: at}, {Name: "n", Deadline: at}} {
		if err := broker.Prepare(open); err != nil {
			t.Errorf("%+v: %v", open, err)
		}
	}
}

func decode(t *testing.T, prepared *task.Task) *task.Task {
	t.Helper()
	got, err := record.Decode(record.Encode(prepared), prepared.ID)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

var end = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)

func TestPrepareRefuses(t *testing.T) {
	t.Parallel()
	for i, c := range refusals {
		t.Run(fmt.Sprintf("%d %s", i, c.field), func(t *testing.T) {
			t.Parallel()
			got := c.task.Clone()
			got.Status, got.Attempt = task.StatusRunning, 3
			before := got.Clone()
			err := broker.Prepare(got)
			var field *task.FieldError
			if !errors.As(err, &field) || !errors.Is(err, task.ErrInvalid) {
				t.Fatalf("error is %v, want a FieldError that is ErrInvalid", err)
			}
			if want := (task.FieldError{Field: c.field, Rule: c.rule, Value: c.value}); *field != want {
				t.Errorf("error is %+v, want %+v", *field, want)
			}
			if diff := tasktest.Differ(before, got); diff != "" {
				t.Errorf("a refused task has changed: %s", diff)
			}
		})
	}
}

func TestPrepareTakesBorderlineValues(t *testing.T) {
	t.Parallel()
	for i, good := range []task.Task{
		{Name: "n"},
		{Name: strings.Repeat("n", 255)},
		{Name: "名前 with spaces {braces} and\u00a0more"},
		{Headers: headers("k", strings.Repeat("v", 65535))},
		{Headers: headers("k", "", "é", "→\n")},
		{Headers: headers()},
		{Queue: strings.Repeat("q", 128)},
		{Queue: "q"},
		{Queue: "a:b#3 語"},
		{Priority: 1},
		{Priority: 255},
		{MaxRetry: -1},
		{MaxRetry: 1},
		{MaxRetry: 1 << 30},
		{Timeout: -1},
		{Timeout: 1},
		{Timeout: 1<<63 - 1},
		{Retention: 1<<63 - 1},
		{RunAt: time.Unix(0, 0), Deadline: time.Unix(0, 0), EnqueuedAt: time.Unix(0, 0)},
		{RunAt: end, Deadline: end, EnqueuedAt: end},
		{RunAt: end.In(time.FixedZone("", 12*3600))},
		{Payload: []byte{0xff}},
	} {
		if good.Name == "" {
			good.Name = "n"
		}
		want := good.Clone()
		if err := broker.Prepare(&good); err != nil {
			t.Errorf("%d: %v", i, err)
		}
		want.ID = good.ID
		if want.EnqueuedAt.IsZero() {
			want.EnqueuedAt = good.EnqueuedAt
		}
		if diff := tasktest.Differ(decode(t, want), decode(t, &good)); diff != "" {
			t.Errorf("%d: what the producer set has changed: %s", i, diff)
		}
	}
}

func TestCheckNamesTheCallersField(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"A must not be empty":                               broker.CheckName("A", ""),
		"B must not be empty":                               broker.CheckQueue("B", ""),
		"C must be 1 to 255, or 0 for the default, got 300": broker.CheckPriority("C", 300),
		"D must be 0 for the default, -1 for none, or a count up to 2^30, got -3":        broker.CheckMaxRetry("D", -3),
		"ServerOptions.E must be 0 for the default, -1 for none, or positive, got -1m0s": broker.CheckDuration("ServerOptions.E", -time.Minute),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
}
