package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// moveCommand is a change like others, but for its target.
func (a *app) moveCommand() *cobra.Command {
	var to string
	c := a.changeCommand(change{
		verb: "move", done: "moved", short: "Put tasks that wait into another queue, to begin anew there", may: waiting(),
		make: func(ctx context.Context, s *session, tasks ...*task.Task) error {
			return s.Move(ctx, to, tasks...)
		},
	})
	c.Example = "  jobsy task move 0192f0c1-0000-7000-8000-00000000002a --to slow\n" +
		"  jobsy task move --queue mail --status pending --name email:welcome --to slow"
	c.Flags().StringVar(&to, "to", "", "`QUEUE` to put them into")
	a.completesQueues(c, "to")
	named := c.Args
	c.Args = func(c *cobra.Command, args []string) error {
		if err := broker.CheckQueue("--to", to); err != nil {
			return err
		}
		return named(c, args)
	}
	return c
}
