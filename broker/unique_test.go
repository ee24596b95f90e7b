package broker_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func TestUniqueAndGatherRules(t *testing.T) {
	t.Parallel()
	second := time.Second
	for name, c := range map[string]struct {
		task  task.Task
		field string // of the error; "": none
	}{
		"until ended":            {task: task.Task{Unique: task.Unique{Mode: task.UntilEnded}}},
		"throttle":               {task: task.Task{Unique: task.Unique{Mode: task.Throttle, For: second}}},
		"debounce":               {task: task.Task{Unique: task.Unique{Mode: task.Debounce, For: second, Limit: second}}},
		"gather":                 {task: task.Task{Gather: task.Gather{Key: "k", Size: 2}}},
		"unknown mode":           {task.Task{Unique: task.Unique{Mode: 6}}, "Unique.Mode"},
		"negative mode":          {task.Task{Unique: task.Unique{Mode: -1}}, "Unique.Mode"},
		"key without mode":       {task.Task{Unique: task.Unique{Key: "k"}}, "Unique.Mode"},
		"long key":               {task.Task{Unique: task.Unique{Mode: task.Latest, Key: strings.Repeat("k", 513)}}, "Unique.Key"},
		"throttle without For":   {task.Task{Unique: task.Unique{Mode: task.Throttle}}, "Unique.For"},
		"For without throttle":   {task.Task{Unique: task.Unique{Mode: task.Latest, For: second}}, "Unique.For"},
		"Limit below For":        {task.Task{Unique: task.Unique{Mode: task.Debounce, For: second, Limit: 1}}, "Unique.Limit"},
		"Limit without debounce": {task.Task{Unique: task.Unique{Mode: task.UntilEnded, Limit: second}}, "Unique.Limit"},
		"size without key":       {task.Task{Gather: task.Gather{Size: 3}}, "Gather.Key"},
		"size of one":            {task.Task{Gather: task.Gather{Key: "k", Size: 1}}, "Gather.Size"},
		"size over 1000":         {task.Task{Gather: task.Gather{Key: "k", Size: 1001}}, "Gather.Size"},
		"negative delay":         {task.Task{Gather: task.Gather{Key: "k", Delay: -1}}, "Gather.Delay"},
		"negative quiet":         {task.Task{Gather: task.Gather{Key: "k", Quiet: -1}}, "Gather.Quiet"},
		"long gather key":        {task.Task{Gather: task.Gather{Key: strings.Repeat("k", 513)}}, "Gather.Key"},
		"both":                   {task.Task{Unique: task.Unique{Mode: task.Latest}, Gather: task.Gather{Key: "k"}}, "Unique.Mode"},
		"gathered later":         {task.Task{RunAt: time.Now(), Gather: task.Gather{Key: "k"}}, "RunAt"},
	} {
		c.task.Name = "n"
		err := broker.Prepare(&c.task)
		var field *task.FieldError
		switch {
		case c.field == "" && err != nil:
			t.Errorf("%s: Prepare: %v", name, err)
		case c.field != "" && (!errors.As(err, &field) || field.Field != c.field):
			t.Errorf("%s: Prepare returned %v, want a *FieldError of %s", name, err, c.field)
		}
	}
}

func TestUniqueBorderlineValues(t *testing.T) {
	t.Parallel()
	for _, u := range []task.Unique{
		{}, {Mode: task.UntilStarted}, {Mode: task.UntilEnded, Key: strings.Repeat("k", 512)}, {Mode: task.Latest},
		{Mode: task.Throttle, For: time.Millisecond}, {Mode: task.Debounce, For: 1e9, Limit: 1e9},
	} {
		got := &task.Task{Name: "n", Unique: u, RunAt: time.Now()}
		if err := broker.Prepare(got); err != nil || got.Unique != u {
			t.Errorf("%+v is prepared as %+v, %v", u, got.Unique, err)
		}
	}
}

func TestGatherDefaults(t *testing.T) {
	t.Parallel()
	for given, want := range map[task.Gather]task.Gather{
		{}:                               {},
		{Key: "k"}:                       {Key: "k", Size: 100, Delay: time.Minute, Quiet: time.Minute},
		{Key: "k", Size: 2, Delay: 7}:    {Key: "k", Size: 2, Delay: 7, Quiet: 7},
		{Key: "k", Delay: 7, Quiet: 9}:   {Key: "k", Size: 100, Delay: 7, Quiet: 7},
		{Key: "k", Quiet: 5, Size: 1000}: {Key: "k", Size: 1000, Delay: time.Minute, Quiet: 5},
	} {
		got := &task.Task{Name: "n", Gather: given}
		if err := broker.Prepare(got); err != nil || got.Gather != want {
			t.Errorf("%+v is prepared as %+v, %v, want %+v", given, got.Gather, err, want)
		}
	}
}

// What excludes each other has one lock, and nothing else has it.
func TestLockKey(t *testing.T) {
	t.Parallel()
	key := func(name, payload string, u task.Unique, gather string) string {
		return broker.LockKey(&task.Task{Name: name, Payload: []byte(payload), Unique: u, Gather: task.Gather{Key: gather}})
	}
	ended, given, latest := task.Unique{Mode: task.UntilEnded}, task.Unique{Mode: task.UntilEnded, Key: "k"}, task.Unique{Mode: task.Latest}
	if k := key("n", "p", task.Unique{}, ""); k != "" {
		t.Errorf("a task without either has key %q", k)
	}
	for _, same := range [][2]string{
		{key("n", "p", ended, ""), key("n", "p", task.Unique{Mode: task.UntilStarted}, "")},
		{key("n", "p", given, ""), key("m", "q", given, "")},
		{key("n", "p", latest, ""), key("n", "q", latest, "")},
		{key("n", "p", task.Unique{}, "g"), key("n", "q", task.Unique{}, "g")},
	} {
		if same[0] != same[1] || len(same[0]) != 22 {
			t.Errorf("keys differ: %q", same)
		}
	}
	all := map[string]bool{}
	for _, k := range []string{
		key("n", "p", ended, ""), key("n", "q", ended, ""), key("m", "p", ended, ""), key("np", "", ended, ""),
		key("n", "p", given, ""), key("n", "p", latest, ""), key("n", "p", task.Unique{}, "k"),
	} {
		if all[k] {
			t.Errorf("two that do not exclude each other have key %q", k)
		}
		all[k] = true
	}
}
