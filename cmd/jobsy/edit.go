package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func (a *app) editCommand() *cobra.Command {
	var f finder
	var p payload
	var priority int32
	c := &cobra.Command{
		Use:   "edit ID",
		Short: "Give a task another payload or priority",
		Long: `Give a task another payload, whether it waits or has ended, or another priority. A task
that runs cannot be changed.`,
		Example: `  jobsy task edit 0192f0c1-0000-7000-8000-00000000002a --priority 255
  jobsy task edit 0192f0c1-0000-7000-8000-00000000002a --payload-file fixed.json`,
		Args: exactly("ID"),
	}
	c.RunE = a.connected(func(ctx context.Context, s *session, args []string) error {
		content, err := p.read(a, c)
		if err != nil {
			return err
		}
		other := c.Flags().Changed("priority")
		if !p.given && !other {
			return usagef("--priority, --payload or --payload-file must be given")
		}
		if err := broker.CheckPriority("Priority", task.Priority(priority)); err != nil {
			return err
		}
		t, err := f.find(ctx, s, args[0])
		if err != nil {
			return err
		}
		if p.given {
			err = s.SetPayload(ctx, t, content)
		}
		if err == nil && other {
			err = s.SetPriority(ctx, t, task.Priority(priority))
		}
		if err != nil {
			return fmt.Errorf("task %s: %w", t.ID, err)
		}
		return a.edited(ctx, s, t)
	})
	f.flag(a, c, anyQueue)
	p.flags(c)
	c.Flags().Int32Var(&priority, "priority", 0, "1 (last) to 255 (first), or 0 for the default")
	return c
}

func (a *app) edited(ctx context.Context, s *session, t *task.Task) error {
	if !a.json {
		return a.say("task %s is changed", t.ID)
	}
	now, err := s.tasks.Get(ctx, t)
	if err != nil {
		return err
	}
	return a.printJSON(fullViewOf(now))
}
