package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func (a *app) purgeCommand() *cobra.Command {
	var agreed consent
	var status string
	var f filter
	c := &cobra.Command{
		Use:   "purge QUEUE",
		Short: "Delete the tasks of a queue that wait or have ended",
		Long: `Delete the tasks of a queue that wait or have ended, all of them or those of one
status, name, error or payload. Running tasks are left, and what is enqueued meanwhile may be. It asks
first, unless --yes is given.`,
		Example: `  jobsy queue purge mail
  jobsy queue purge mail --status failed --yes`,
		Args:              exactly("QUEUE"),
		ValidArgsFunction: a.completeQueues,
		RunE: a.connected(func(ctx context.Context, s *session, args []string) error {
			if err := broker.CheckQueue("QUEUE", args[0]); err != nil {
				return err
			}
			statuses, err := purged(status)
			if err != nil {
				return err
			}
			return a.purge(ctx, s, args[0], statuses, &f, &agreed)
		}),
	}
	c.Flags().StringVarP(&status, "status", "s", "", "only tasks of this `STATUS`: "+list(deleteChange().may))
	f.flags(c)
	completeStatuses(c, deleteChange().may)
	agreed.flag(c)
	return c
}

// purged returns which statuses a purge is for.
func purged(name string) ([]task.Status, error) {
	if name == "" {
		return deleteChange().may, nil
	}
	status, err := parseStatus(name)
	if err == nil && status == task.StatusRunning {
		err = usagef("--status must be %s to purge, got %q: cancel what runs", list(deleteChange().may), name)
	}
	return []task.Status{status}, err
}

func (a *app) purge(ctx context.Context, s *session, queue string, statuses []task.Status, f *filter, agreed *consent) error {
	counts, err := s.broker.Counts(ctx, queue)
	if err != nil {
		return err
	}
	total := 0
	for _, status := range statuses {
		total += counts[status]
	}
	if total > 0 {
		question := fmt.Sprintf("delete %s of queue %s", counted(total, "task"), shown(queue))
		if f.first() != "" {
			question = fmt.Sprintf("delete, of %s of queue %s, those%s", counted(total, "task"), shown(queue), f.what())
		}
		if err := agreed.ask(ctx, a, question); err != nil {
			return err
		}
	}
	var o tally
	for _, status := range statuses {
		p := selection{queue: queue, status: string(status), filter: *f}
		ids, err := p.ids(ctx, a, s)
		if err == nil {
			err = a.apply(ctx, s, deleteChange(), queue, ids, &o)
		}
		if err != nil {
			return err
		}
	}
	return a.report(&o, "deleted")
}
