package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// selection are the tasks of one queue with a status that pass a filter.
type selection struct {
	may           []task.Status
	queue, status string
	filter
}

func (p *selection) flags(c *cobra.Command) {
	c.Flags().StringVarP(&p.status, "status", "s", "", "all tasks of this `STATUS`: "+list(p.may))
	p.filter.flags(c)
	completeStatuses(c, p.may)
}

// list lists statuses.
func list(statuses []task.Status) string {
	text := ""
	for i, status := range statuses {
		switch {
		case i > 0 && i == len(statuses)-1:
			text += " or "
		case i > 0:
			text += ", "
		}
		text += string(status)
	}
	return text
}

// args checks that tasks are named in one way.
func (p *selection) args(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0 && p.status == "":
		return usagef("ID or --status must be given: %s", c.UseLine())
	case len(args) > 0 && p.status != "":
		return usagef("--status must not be given together with ID %q", args[0])
	case len(args) > 0 && p.first() != "":
		return usagef("%s must be given with --status, not with ID %q", p.first(), args[0])
	case p.status == "":
		return nil
	}
	status, err := parseStatus(p.status)
	if err == nil && !slices.Contains(p.may, status) {
		err = usagef("--status must be %s to %s, got %q", list(p.may), c.Name(), p.status)
	}
	return err
}

// what tells people which tasks are meant.
func (p *selection) what() string {
	return p.status + " tasks of queue " + shown(p.queue) + p.filter.what()
}

// ids returns the ids of all that is selected. It reads them before any of them
// is changed, for a change moves pages.
func (p *selection) ids(ctx context.Context, a *app, s *session) ([]uuid.UUID, error) {
	status := task.Status(p.status)
	counts, err := s.broker.Counts(ctx, p.queue)
	if err != nil {
		return nil, err
	}
	bar, read, query := a.newBar("reading", counts[status]), 0, p.query(p.queue, status)
	defer bar.end()
	var ids []uuid.UUID
	seen := make(map[uuid.UUID]bool) // pages may overlap while tasks move
	for cursor, more := "", true; more; more = cursor != "" {
		var page []*task.Task
		page, cursor, err = s.Search(ctx, query, cursor, broker.MaxBatch)
		if err != nil {
			return nil, err
		}
		for _, t := range page {
			if !seen[t.ID] {
				seen[t.ID] = true
				ids = append(ids, t.ID)
			}
		}
		read += broker.MaxBatch
		bar.at(min(read, counts[status]))
	}
	return ids, nil
}

// changeAll changes all that is selected, once somebody has agreed.
func (a *app) changeAll(ctx context.Context, s *session, ch change, p *selection, agreed *consent) error {
	if p.queue == "" {
		p.queue = task.DefaultQueue
	}
	ids, err := p.ids(ctx, a, s)
	if err != nil {
		return err
	}
	if len(ids) > 0 {
		question := fmt.Sprintf("%s %s: all %s", ch.verb, counted(len(ids), "task"), p.what())
		if err := agreed.ask(ctx, a, question); err != nil {
			return err
		}
	}
	var o tally
	if err := a.apply(ctx, s, ch, p.queue, ids, &o); err != nil {
		return err
	}
	return a.report(&o, ch.done)
}

// apply makes a change of tasks of one queue, batch by batch.
func (a *app) apply(ctx context.Context, s *session, ch change, queue string, ids []uuid.UUID, o *tally) error {
	bar, done := a.newBar(ch.verb, len(ids)), 0
	defer bar.end()
	for batch := range slices.Chunk(ids, broker.MaxBatch) {
		tasks := make([]*task.Task, len(batch))
		for i, id := range batch {
			tasks[i] = &task.Task{Queue: queue, ID: id}
		}
		err := ch.make(ctx, s, tasks...)
		if errors.Is(err, task.ErrUnavailable) && ctx.Err() == nil {
			return fmt.Errorf("%s %s, the rest is as it was or unknown: %w", counted(o.Changed, "task"), ch.done, err)
		}
		o.addAll(tasks, err)
		if ctx.Err() != nil {
			return fmt.Errorf("interrupted after %s of %s tasks", numbered(o.Changed), numbered(len(ids)))
		}
		done += len(batch)
		bar.at(done)
	}
	return nil
}
