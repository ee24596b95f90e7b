package main

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

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

// stand looks at one queue.
func (s *session) stand(ctx context.Context, queue string) (queueView, error) {
	v := queueView{Queue: queue, Counts: make(map[string]int), Dropped: make(map[string]int)}
	counts, err := s.broker.Counts(ctx, queue)
	if err != nil {
		return v, err
	}
	for _, status := range task.Statuses() {
		v.Counts[string(status)] = counts[status]
	}
	info, err := s.broker.Queue(ctx, queue)
	if err != nil {
		return v, err
	}
	v.Paused, v.OldestMS = info.Paused, info.Oldest.Milliseconds()
	for status, n := range info.Dropped {
		v.Dropped[string(status)] = n
	}
	return v, nil
}

func (s *session) stands(ctx context.Context, queues []string) ([]queueView, error) {
	views := make([]queueView, len(queues))
	for i, queue := range queues {
		var err error
		if views[i], err = s.stand(ctx, queue); err != nil {
			return nil, err
		}
	}
	return views, nil
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
		row := []string{brief(v.Queue, 40), stateOf(v.Paused)}
		for _, status := range task.Statuses() {
			row = append(row, numbered(v.Counts[string(status)]))
		}
		t.row(append(row, span(time.Duration(v.OldestMS)*time.Millisecond))...)
	}
	return t
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
	if err := task.CheckQueue("QUEUE", queue); err != nil {
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
