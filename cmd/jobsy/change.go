package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy/task"
)

// change is something that can be done to one task or to many.
type change struct {
	verb, done, short string
	may               []task.Status // the statuses of tasks that it is for
	make              func(ctx context.Context, s *session, tasks ...*task.Task) error
}

func waiting() []task.Status {
	return []task.Status{task.StatusScheduled, task.StatusRetrying, task.StatusPending}
}

func ended() []task.Status {
	return []task.Status{task.StatusCompleted, task.StatusFailed, task.StatusCancelled}
}

func runChange() change {
	return change{
		verb: "run", done: "due now", short: "Have tasks that wait for their time run at once", may: waiting(),
		make: func(ctx context.Context, s *session, tasks ...*task.Task) error { return s.tasks.Retry(ctx, tasks...) },
	}
}

func retryChange() change {
	return change{
		verb: "retry", done: "pending again", short: "Run tasks that have ended again, with all their retries", may: ended(),
		make: func(ctx context.Context, s *session, tasks ...*task.Task) error { return s.tasks.Retry(ctx, tasks...) },
	}
}

func cancelChange() change {
	return change{
		verb: "cancel", done: "cancelled", short: "Call tasks off, whether they wait or run",
		may:  append(waiting(), task.StatusRunning, task.StatusCancelled),
		make: func(ctx context.Context, s *session, tasks ...*task.Task) error { return s.tasks.Cancel(ctx, tasks...) },
	}
}

func deleteChange() change {
	return change{
		verb: "delete", done: "deleted", short: "Remove tasks that wait or have ended", may: append(waiting(), ended()...),
		make: func(ctx context.Context, s *session, tasks ...*task.Task) error { return s.tasks.Delete(ctx, tasks...) },
	}
}

// changeCommand is a change of the tasks that are named, or of all of a status.
func (a *app) changeCommand(ch change) *cobra.Command {
	var f finder
	var agreed consent
	pick := selection{may: ch.may}
	c := &cobra.Command{
		Use:   ch.verb + " ID...",
		Short: ch.short,
		Long: ch.short + ".\n\nTasks are named by their ids or, with --status, are all of one queue that have that\n" +
			"status (and name, error or payload). It asks before it changes all, unless --yes is given.",
		Example: "  jobsy task " + ch.verb + " 0192f0c1-0000-7000-8000-00000000002a\n" +
			"  jobsy task " + ch.verb + " --queue mail --status " + string(ch.may[0]) + " --name email:welcome",
		RunE: a.connected(func(ctx context.Context, s *session, args []string) error {
			if pick.status == "" {
				return a.changeNamed(ctx, s, ch, &f, args)
			}
			pick.queue = f.queue
			return a.changeAll(ctx, s, ch, &pick, &agreed)
		}),
	}
	c.Args = func(c *cobra.Command, args []string) error { return pick.args(c, args) }
	f.flag(a, c, "`QUEUE` of the tasks (default: ids are looked for in all, --status means default)")
	pick.flags(c)
	agreed.flag(c)
	return c
}

// changeNamed changes tasks one by one, so that each error is of one task.
func (a *app) changeNamed(ctx context.Context, s *session, ch change, f *finder, ids []string) error {
	var o tally
	for _, id := range ids { // all or none: a typo is found before anything changes
		if _, err := f.parse(id); err != nil {
			return err
		}
	}
	for _, id := range ids {
		t, err := f.find(ctx, s, id)
		if err == nil {
			err = ch.check(t)
		}
		if err == nil {
			err = ch.make(ctx, s, t)
		}
		if ctx.Err() != nil || errors.Is(err, task.ErrUnavailable) || isUsage(err) {
			return err
		}
		o.add(id, err)
	}
	return a.report(&o, ch.done)
}

func isUsage(err error) bool {
	var usage *usageError
	return errors.As(err, &usage)
}

// check returns an error unless the change is for tasks of that status.
func (ch *change) check(t *task.Task) error {
	for _, status := range ch.may {
		if t.Status == status {
			return nil
		}
	}
	return fmt.Errorf("ID must be of a task that is %s, but it is %s", list(ch.may), t.Status)
}
