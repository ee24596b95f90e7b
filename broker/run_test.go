package broker_test

import (
	"strings"
	"testing"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	var ran task.Task
	for i := range 12 {
		broker.AddRun(&ran, task.Run{Attempt: i + 1, Error: strings.Repeat("e", 2000), Stack: strings.Repeat("s", 5000) + "\xff"})
	}
	if len(ran.History) != 10 || ran.History[0].Attempt != 3 || ran.History[9].Attempt != 12 {
		t.Fatalf("History has %d runs, the first is %d, want the last ten of twelve", len(ran.History), ran.History[0].Attempt)
	}
	if r := ran.History[0]; len(r.Error) > 1<<10+3 || len(r.Stack) > 4<<10+3 {
		t.Errorf("a run has %d bytes of error and %d of stack", len(r.Error), len(r.Stack))
	}
}

func TestHistoryIsCutToText(t *testing.T) {
	t.Parallel()
	kept := task.New("n", nil)
	broker.AddRun(kept, task.Run{Error: "\xff" + strings.Repeat("é", 1<<10), Stack: strings.Repeat("s", 1<<14)})
	run := kept.History[0]
	if len(run.Error) > 1<<10+8 || !strings.HasPrefix(run.Error, "\uFFFDéé") || !strings.HasSuffix(run.Error, "…") {
		t.Errorf("the error is kept as %d bytes %.20q", len(run.Error), run.Error)
	}
	if run.Stack != strings.Repeat("s", 4<<10)+"…" {
		t.Errorf("the stack is kept as %d bytes", len(run.Stack))
	}
	if got := broker.Cut("short", 5); got != "short" {
		t.Errorf("a text that fits is cut to %q", got)
	}
}
