package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func (a *app) queueCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "queue",
		Short: "List, pause, resume and empty queues",
		Example: `  jobsy queue ls
  jobsy queue pause mail`,
	}
	c.AddCommand(a.queueLsCommand(), a.pauseCommand(), a.resumeCommand(), a.purgeCommand())
	return group(c)
}

// queueView is a queue for programs.
type queueView struct {
	Queue    string         `json:"queue"`
	Paused   bool           `json:"paused"`
	Counts   map[string]int `json:"counts"`
	Dropped  map[string]int `json:"dropped"`
	OldestMS int64          `json:"oldest_ms"`
	Error    string         `json:"error"` // why it could not be looked at
}

// queuePage is what queue ls prints for programs.
type queuePage struct {
	Queues []queueView `json:"queues"`
	Next   string      `json:"next"` // for --after; "": there are no more
	Total  int         `json:"total"`
}

// pageOf returns the names of queues after a name, up to a limit.
func (s *session) pageOf(ctx context.Context, after string, limit int) (names []string, next string, total int, err error) {
	all, err := s.broker.Queues(ctx)
	if err != nil {
		return nil, "", 0, err
	}
	names = all
	if after != "" {
		start, found := slices.BinarySearch(all, after)
		if found {
			start++
		}
		names = all[start:]
	}
	if len(names) > limit {
		names = names[:limit]
		next = names[limit-1]
	}
	return names, next, len(all), nil
}

// stands looks at queues. What is wrong with one of them is said in its place.
func (s *session) stands(ctx context.Context, queues []string) ([]queueView, error) {
	surveys, errs := s.broker.Survey(ctx, queues)
	views := make([]queueView, len(queues))
	for i, queue := range queues {
		views[i] = queueViewOf(queue, &surveys[i])
		if i >= len(errs) || errs[i] == nil {
			continue
		}
		if errors.Is(errs[i], task.ErrUnavailable) || ctx.Err() != nil {
			return nil, errs[i]
		}
		views[i].Error = errs[i].Error()
	}
	return views, nil
}

func queueViewOf(queue string, survey *broker.QueueSurvey) queueView {
	v := queueView{
		Queue: queue, Paused: survey.Paused, OldestMS: survey.Oldest.Milliseconds(),
		Counts: make(map[string]int), Dropped: make(map[string]int),
	}
	for _, status := range task.Statuses() {
		v.Counts[string(status)] = survey.Counts[status]
	}
	for status, n := range survey.Dropped {
		v.Dropped[string(status)] = n
	}
	return v
}

func (a *app) queueLsCommand() *cobra.Command {
	page := pager{most: 1000}
	var after string
	c := &cobra.Command{
		Use:   "ls",
		Short: "List queues and how many tasks of each status they have",
		Example: `  jobsy queue ls
  jobsy queue ls --limit 20 --after mail`,
		Args: exactly(),
		RunE: a.connected(func(ctx context.Context, s *session, _ []string) error {
			if err := page.check(); err != nil {
				return err
			}
			names, next, total, err := s.pageOf(ctx, after, page.limit)
			if err != nil {
				return err
			}
			views, err := s.stands(ctx, names)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(queuePage{Queues: views, Next: next, Total: total})
			}
			if err := queueTable(views).print(a.out); err != nil || next == "" {
				return err
			}
			return a.say("%s of %s queues; for more: --after %s", numbered(len(views)), numbered(total), argument(next))
		}),
	}
	page.flag(c, 100)
	c.Flags().StringVar(&after, "after", "", "begin after the `QUEUE` of that name")
	return c
}

func queueTable(views []queueView) *table {
	t := newTable("QUEUE", "STATE", ">SCHEDULED", ">PENDING", ">RUNNING", ">RETRYING", ">COMPLETED", ">FAILED", ">CANCELLED", ">OLDEST")
	for _, v := range views {
		row := []string{brief(v.Queue, 40), v.state()}
		for _, status := range task.Statuses() {
			row = append(row, numbered(v.Counts[string(status)]))
		}
		t.row(append(row, span(time.Duration(v.OldestMS)*time.Millisecond))...)
	}
	return t
}

func (v *queueView) state() string {
	if v.Error != "" {
		return brief(v.Error, 60)
	}
	return stateOf(v.Paused)
}

func stateOf(paused bool) string {
	if paused {
		return "paused"
	}
	return "open"
}

func (a *app) pauseCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "pause QUEUE",
		Short:             "Have servers start nothing more of a queue until it is resumed",
		Long:              "Have servers start nothing more of a queue until it is resumed. What runs goes on, and\nenqueuing does. A queue may be paused before its first task.",
		Example:           "  jobsy queue pause mail",
		Args:              exactly("QUEUE"),
		ValidArgsFunction: a.completeQueues,
		RunE: a.connected(func(ctx context.Context, s *session, args []string) error {
			return a.setPaused(ctx, s, args[0], true)
		}),
	}
}

func (a *app) resumeCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "resume QUEUE",
		Short:             "End the pause of a queue",
		Example:           "  jobsy queue resume mail",
		Args:              exactly("QUEUE"),
		ValidArgsFunction: a.completeQueues,
		RunE: a.connected(func(ctx context.Context, s *session, args []string) error {
			return a.setPaused(ctx, s, args[0], false)
		}),
	}
}

func (a *app) setPaused(ctx context.Context, s *session, queue string, paused bool) error {
	if err := broker.CheckQueue("QUEUE", queue); err != nil {
		return err
	}
	change, done := s.Resume, "resumed"
	if paused {
		change, done = s.Pause, "paused"
	}
	if err := change(ctx, queue); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"queue": queue, "paused": paused})
	}
	return a.say("queue %s is %s", shown(queue), done)
}

// completion bounds how long a shell waits for the broker.
const completion = time.Second

// queueFlag adds the flag --queue.
func (a *app) queueFlag(c *cobra.Command, queue *string, normally, usage string) {
	c.Flags().StringVarP(queue, "queue", "q", normally, usage)
	a.completesQueues(c, "queue")
}

// completesQueues makes a shell complete the names of queues after a flag.
func (a *app) completesQueues(c *cobra.Command, flag string) {
	_ = c.RegisterFlagCompletionFunc(flag, a.completeQueues) // fails only for a flag that is none
}

// completeQueues completes the names of queues.
func (a *app) completeQueues(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	const none = cobra.ShellCompDirectiveNoFileComp
	ctx, cancel := context.WithTimeout(c.Context(), completion)
	defer cancel()
	s, err := a.connect(ctx)
	if err != nil {
		return nil, none
	}
	defer s.broker.Close()
	names, _, _, err := s.pageOf(ctx, "", 1000)
	if err != nil {
		return nil, none
	}
	return slices.DeleteFunc(names, func(name string) bool { return !plain(name) }), none
}
