package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/task"
)

// explanation is what task explain prints for programs.
type explanation struct {
	Task    taskView     `json:"task"`
	Reasons []reasonView `json:"reasons"` // what has to change first is first
}

type reasonView struct {
	Code   string     `json:"code"`
	Text   string     `json:"text"`
	Hint   string     `json:"hint"`
	At     *time.Time `json:"at"`
	Count  int        `json:"count"`
	Other  string     `json:"other"` // the id of another task
	Server string     `json:"server"`
}

func (a *app) explainCommand() *cobra.Command {
	var f finder
	c := &cobra.Command{
		Use:   "explain ID",
		Short: "Tell why a task does not run, and what would change it",
		Long: `Tell why a task does not run: all that stands against it, what has to change first at
the top, each with what would change it.`,
		Example: "  jobsy task explain 0192f0c1-0000-7000-8000-00000000002a",
		Args:    exactly("ID"),
		RunE: a.connected(func(ctx context.Context, s *session, args []string) error {
			t, err := f.find(ctx, s, args[0])
			if err != nil {
				return err
			}
			e, err := s.Explain(ctx, t)
			if err != nil {
				return err
			}
			if e.Task != nil { // else it is gone since it was found
				t = e.Task
			}
			if a.json {
				return a.printJSON(explanationOf(t, e.Reasons))
			}
			return a.printReasons(t, e.Reasons)
		}),
	}
	f.flag(a, c, anyQueue)
	return c
}

func explanationOf(t *task.Task, reasons []admin.Reason) explanation {
	e := explanation{Task: viewOf(t), Reasons: make([]reasonView, len(reasons))}
	for i, r := range reasons {
		e.Reasons[i] = reasonView{Code: string(r.Code), Text: r.Text, Hint: hint(t, &r), At: stamp(r.At), Count: r.Count, Server: r.Server}
		if r.Code == admin.ReasonUnique {
			e.Reasons[i].Other = r.Other.String()
		}
	}
	return e
}

func (a *app) printReasons(t *task.Task, reasons []admin.Reason) error {
	if err := a.say("task %s, %s of queue %s, is %s", t.ID, shown(t.Name), shown(t.Queue), t.Status); err != nil {
		return err
	}
	for i := range reasons {
		r := &reasons[i]
		text := "• " + escaped(r.Text)
		if h := hint(t, r); h != "" {
			text += "\n  → " + escaped(h)
		}
		if err := a.say("%s", text); err != nil {
			return err
		}
	}
	return nil
}

// hint is what would change a reason: a command of this program, where there is
// one, in place of the library's call.
func hint(t *task.Task, r *admin.Reason) string {
	of := t.ID.String() + " --queue " + argument(t.Queue)
	switch r.Code {
	case admin.ReasonEnded:
		return "jobsy task retry " + of
	case admin.ReasonRunning:
		return "jobsy task cancel " + of
	case admin.ReasonNotDue, admin.ReasonRetrying:
		return "jobsy task run " + of
	case admin.ReasonUnique:
		return "jobsy task cancel " + r.Other.String() + " --queue " + argument(t.Queue)
	case admin.ReasonAhead:
		return "jobsy task edit " + of + " --priority 255"
	case admin.ReasonNoServer:
		return "start a server that works on the queue, or jobsy task move " + of + " --to QUEUE"
	case admin.ReasonPaused:
		return "jobsy queue resume " + argument(t.Queue)
	}
	return r.Hint
}
