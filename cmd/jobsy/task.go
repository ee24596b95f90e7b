package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy/task"
)

func (a *app) taskCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "task",
		Short: "List, show, enqueue and change tasks",
		Example: `  jobsy task ls --status failed
  jobsy task show 0192f0c1-0000-7000-8000-00000000002a`,
	}
	c.AddCommand(
		a.taskLsCommand(), a.taskShowCommand(), a.explainCommand(), a.enqueueCommand(),
		a.changeCommand(runChange()), a.changeCommand(retryChange()), a.changeCommand(cancelChange()), a.changeCommand(deleteChange()),
		a.moveCommand(), a.editCommand(),
	)
	return group(c)
}

// finder finds tasks by their ids.
type finder struct{ queue string }

func (f *finder) flag(a *app, c *cobra.Command, usage string) {
	a.queueFlag(c, &f.queue, "", usage)
}

const anyQueue = "`QUEUE` of the task (default: it is looked for in all of them)"

// parse returns the id that an argument is.
func (f *finder) parse(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return id, usagef("ID must be the UUID of a task, got %q", text)
	}
	return id, nil
}

// find returns the task with that id, wherever it is.
func (f *finder) find(ctx context.Context, s *session, text string) (*task.Task, error) {
	id, err := f.parse(text)
	if err != nil {
		return nil, err
	}
	queues := []string{f.queue}
	if f.queue == "" {
		if queues, err = s.broker.Queues(ctx); err != nil {
			return nil, err
		}
	}
	found, err := among(ctx, s, queues, id)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0 && f.queue != "":
		return nil, fmt.Errorf("ID %s must be a task of --queue %s: %w", id, shown(f.queue), task.ErrNotFound)
	case len(found) == 0:
		return nil, fmt.Errorf("ID %s must be a task of any queue: %w", id, task.ErrNotFound)
	case len(found) > 1:
		return nil, usagef("--queue must be given: ID %s is in %s and in %s", id, shown(found[0].Queue), shown(found[1].Queue))
	}
	return found[0], nil
}

func among(ctx context.Context, s *session, queues []string, id uuid.UUID) (found []*task.Task, err error) {
	for _, queue := range queues {
		t, err := s.tasks.Get(ctx, &task.Task{Queue: queue, ID: id})
		switch {
		case err == nil:
			found = append(found, t)
		case !errors.Is(err, task.ErrNotFound):
			return nil, err
		}
	}
	return found, nil
}
