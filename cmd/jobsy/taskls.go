package main

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy/task"
)

// taskPage is what task ls prints for programs.
type taskPage struct {
	Tasks []taskView `json:"tasks"`
	Next  string     `json:"next"` // for --cursor; "": there are no more
}

// listing is a page of the tasks of one queue.
type listing struct {
	queue, status, cursor string
	filter
	pager

	looked int // at how many tasks
}

func (a *app) taskLsCommand() *cobra.Command {
	l := listing{pager: pager{most: 1000}}
	c := &cobra.Command{
		Use:   "ls",
		Short: "List the tasks of a queue, page by page",
		Long: `List the tasks of a queue, page by page: those of one status in the order in which
they will run or, if they have ended, will go; without --status those of all, the
running ones first. A filter looks at up to 10,000 tasks a page. Tasks that move between
two pages may be missed or seen twice.`,
		Example: `  jobsy task ls
  jobsy task ls --queue mail --status failed --limit 20
  jobsy task ls --status failed --error refused
  jobsy task ls --status pending --json | jq -r '.tasks[].id'`,
		Args: exactly(),
		RunE: a.connected(func(ctx context.Context, s *session, _ []string) error {
			if err := l.check(); err != nil {
				return err
			}
			tasks, next, err := l.read(ctx, s)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(pageView(tasks, next))
			}
			if err := taskTable(tasks, time.Now()).print(a.out); err != nil || next == "" {
				return err
			}
			if len(tasks) < l.limit && l.first() != "" {
				return a.say("%s tasks were looked at; to look on: --cursor %s", numbered(l.looked), argument(next))
			}
			return a.say("there are more: --cursor %s", argument(next))
		}),
	}
	l.flag(c, 50)
	l.filter.flags(c)
	a.queueFlag(c, &l.queue, task.DefaultQueue, "list tasks of this `QUEUE`")
	c.Flags().StringVarP(&l.status, "status", "s", "", "list tasks of this `STATUS` alone")
	c.Flags().StringVar(&l.cursor, "cursor", "", "go on after the page that ended with this `CURSOR`")
	completeStatuses(c, task.Statuses())
	return c
}

func pageView(tasks []*task.Task, next string) taskPage {
	page := taskPage{Tasks: make([]taskView, len(tasks)), Next: next}
	for i, t := range tasks {
		page.Tasks[i] = viewOf(t)
	}
	return page
}

// lifeOrder is in which order a listing of all statuses has them.
func lifeOrder() []task.Status {
	return []task.Status{
		task.StatusRunning, task.StatusPending, task.StatusRetrying, task.StatusScheduled,
		task.StatusFailed, task.StatusCancelled, task.StatusCompleted,
	}
}

// read returns a page. Its cursor is a status and the broker's own cursor in it.
func (l *listing) read(ctx context.Context, s *session) (tasks []*task.Task, next string, err error) {
	statuses := lifeOrder()
	if l.status != "" {
		one, err := parseStatus(l.status)
		if err != nil {
			return nil, "", err
		}
		statuses = []task.Status{one}
	}
	statuses, inner, err := l.resume(statuses)
	if err != nil {
		return nil, "", err
	}
	for i, status := range statuses {
		var page []*task.Task
		page, inner, err = l.search(ctx, s, status, inner, l.limit-len(tasks))
		if err != nil {
			return nil, "", err
		}
		tasks = append(tasks, page...)
		switch {
		case inner != "":
			return tasks, string(status) + "/" + inner, nil
		case len(tasks) == l.limit && i+1 < len(statuses):
			return tasks, string(statuses[i+1]) + "/", nil
		}
	}
	return tasks, "", nil
}

// search returns up to n tasks of a status that pass the filter. A call never looks
// at more than can be returned, or its cursor would skip some.
func (l *listing) search(ctx context.Context, s *session, status task.Status, cursor string, n int) (found []*task.Task, next string, err error) {
	for {
		var page []*task.Task
		page, next, err = s.Search(ctx, l.query(l.queue, status), cursor, n-len(found))
		if err != nil {
			return nil, "", err
		}
		l.looked += n - len(found)
		found = append(found, page...)
		if next == "" || len(found) == n || l.first() == "" || l.looked >= maxLooked {
			return found, next, nil
		}
		cursor = next
	}
}

// maxLooked bounds at how many tasks a listing looks for some that match: as many as
// take well under a tenth of a second.
const maxLooked = 10_000

// resume returns what is left of the statuses, and the broker's cursor in the
// first of them.
func (l *listing) resume(statuses []task.Status) ([]task.Status, string, error) {
	if l.cursor == "" {
		return statuses, "", nil
	}
	name, inner, _ := strings.Cut(l.cursor, "/")
	for i, status := range statuses {
		if string(status) == name {
			return statuses[i:], inner, nil
		}
	}
	return nil, "", usagef("--cursor must be what an earlier page of the same listing ended with, got %q", l.cursor)
}

func taskTable(tasks []*task.Task, now time.Time) *table {
	t := newTable("ID", "NAME", "STATUS", ">PRIO", ">TRIES", "WHEN", "ERROR")
	for _, one := range tasks {
		t.row(one.ID.String(), brief(one.Name, 40), string(one.Status), numbered(int(one.Priority)),
			numbered(one.Attempt), happens(one, now), brief(one.LastError, 60))
	}
	return t
}

// happens tells the time that matters in a task's state.
func happens(t *task.Task, now time.Time) string {
	switch t.Status {
	case task.StatusScheduled, task.StatusRetrying:
		return "due " + when(t.RunAt, now)
	case task.StatusRunning:
		return "began " + when(t.StartedAt, now)
	case task.StatusPending:
		at := t.EnqueuedAt
		if t.RunAt.After(at) {
			at = t.RunAt
		}
		return "since " + when(at, now)
	}
	return "ended " + when(cmp.Or(t.EndedAt, t.StartedAt), now)
}
