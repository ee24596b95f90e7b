package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// scheduleChange is what can be done to a schedule.
type scheduleChange struct {
	verb, short string
	question    string // asked before; "": nothing is
	// make returns what to tell people, and the fields to tell programs.
	make func(ctx context.Context, s *session, queue, schedule string) (text string, fields map[string]any, err error)
}

func scheduleChanges() []scheduleChange {
	return []scheduleChange{
		{verb: "pause", short: "Have the ticks of a schedule pass without their tasks until it is resumed", make: pauseSchedule},
		{verb: "resume", short: "End the pause of a schedule; missed ticks are not made up for", make: resumeSchedule},
		{verb: "run", short: "Enqueue the task of a schedule now, beside its ticks", make: runSchedule},
		{
			verb: "rm", short: "Have the broker forget a schedule, after it was taken out of the program", make: removeSchedule,
			question: "forget schedule %s of queue %s",
		},
	}
}

func pauseSchedule(ctx context.Context, s *session, queue, schedule string) (string, map[string]any, error) {
	return "is paused", map[string]any{"paused": true}, s.PauseSchedule(ctx, queue, schedule)
}

func resumeSchedule(ctx context.Context, s *session, queue, schedule string) (string, map[string]any, error) {
	return "is resumed", map[string]any{"paused": false}, s.ResumeSchedule(ctx, queue, schedule)
}

func runSchedule(ctx context.Context, s *session, queue, schedule string) (string, map[string]any, error) {
	t, err := s.RunSchedule(ctx, queue, schedule)
	if err != nil {
		return "", nil, err
	}
	return "has enqueued task " + t.ID.String(), map[string]any{"id": t.ID.String()}, nil
}

func removeSchedule(ctx context.Context, s *session, queue, schedule string) (string, map[string]any, error) {
	return "is forgotten", map[string]any{"removed": true}, s.RemoveSchedule(ctx, queue, schedule)
}

func (a *app) scheduleChangeCommand(ch scheduleChange) *cobra.Command {
	var queue string
	var agreed consent
	c := &cobra.Command{
		Use:     ch.verb + " SCHEDULE",
		Short:   ch.short,
		Example: "  jobsy schedule " + ch.verb + " digest\n  jobsy schedule " + ch.verb + " digest --queue mail",
		Args:    exactly("SCHEDULE"),
		RunE: a.connected(func(ctx context.Context, s *session, args []string) error {
			return a.changeSchedule(ctx, s, ch, queue, args[0], &agreed)
		}),
	}
	a.queueFlag(c, &queue, "", "`QUEUE` of the schedule (default: it is looked for in all of them)")
	if ch.question != "" {
		agreed.flag(c)
	}
	return c
}

func (a *app) changeSchedule(ctx context.Context, s *session, ch scheduleChange, queue, schedule string, agreed *consent) error {
	in, err := s.queueOfSchedule(ctx, queue, schedule)
	if err != nil {
		return err
	}
	if ch.question != "" {
		if err := agreed.ask(ctx, a, fmt.Sprintf(ch.question, shown(schedule), shown(in))); err != nil {
			return err
		}
	}
	text, fields, err := ch.make(ctx, s, in, schedule)
	if err != nil {
		return fmt.Errorf("schedule %q of queue %q: %w", schedule, in, err)
	}
	if a.json {
		fields["queue"], fields["schedule"] = in, schedule
		return a.printJSON(fields)
	}
	return a.say("schedule %s of queue %s %s", shown(schedule), shown(in), text)
}

// queueOfSchedule returns the queue that has a schedule.
func (s *session) queueOfSchedule(ctx context.Context, queue, schedule string) (string, error) {
	if err := broker.CheckName("SCHEDULE", schedule); err != nil {
		return "", err
	}
	queues := []string{queue}
	if queue == "" {
		var err error
		if queues, err = s.broker.Queues(ctx); err != nil {
			return "", err
		}
	}
	var found []string
	for _, one := range queues {
		_, err := s.broker.Schedule(ctx, one, schedule)
		switch {
		case err == nil:
			found = append(found, one)
		case !errors.Is(err, task.ErrNotFound):
			return "", err
		}
	}
	switch {
	case len(found) == 0 && queue != "":
		return "", fmt.Errorf("SCHEDULE must be one of --queue %s that has been run, got %q", shown(queue), schedule)
	case len(found) == 0:
		return "", fmt.Errorf("SCHEDULE must be one that has been run, got %q", schedule)
	case len(found) > 1:
		return "", usagef("--queue must be given: schedule %q is in %s and in %s", schedule, shown(found[0]), shown(found[1]))
	}
	return found[0], nil
}
