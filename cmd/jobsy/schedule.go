package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/broker"
)

// scheduleView is a schedule for programs.
type scheduleView struct {
	Schedule string     `json:"schedule"`
	Queue    string     `json:"queue"`
	Spec     string     `json:"spec"` // "": nobody has said what it does
	Location string     `json:"location"`
	Missed   string     `json:"missed"`
	Overlap  string     `json:"overlap"`
	Task     string     `json:"task"` // its name
	Paused   bool       `json:"paused"`
	Last     *time.Time `json:"last"`
	Next     *time.Time `json:"next"`
	Overdue  int        `json:"overdue"` // ticks that nobody has taken
}

// schedulePage is what schedule ls prints for programs.
type schedulePage struct {
	Schedules []scheduleView `json:"schedules"`
	Next      string         `json:"next"` // for --cursor; "": there are no more
}

func (a *app) scheduleCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "schedule",
		Short: "List, pause, resume, run and remove schedules",
		Example: `  jobsy schedule ls
  jobsy schedule pause digest`,
	}
	c.AddCommand(a.scheduleLsCommand())
	for _, ch := range scheduleChanges() {
		c.AddCommand(a.scheduleChangeCommand(ch))
	}
	return group(c)
}

// scheduleListing is a page of schedules, of one queue or of all.
type scheduleListing struct {
	queue, cursor string
	pager
}

func (a *app) scheduleLsCommand() *cobra.Command {
	l := scheduleListing{pager: pager{most: broker.MaxBatch}}
	c := &cobra.Command{
		Use:   "ls",
		Short: "List schedules with their last and next ticks",
		Long: `List about --limit schedules with their last and next ticks. OVERDUE counts ticks that
nobody has taken: more than one or two say that no process runs the schedule.`,
		Example: "  jobsy schedule ls\n  jobsy schedule ls --queue mail --json",
		Args:    exactly(),
		RunE: a.connected(func(ctx context.Context, s *session, _ []string) error {
			if err := l.check(); err != nil {
				return err
			}
			schedules, next, err := l.read(ctx, s)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(schedulePageOf(schedules, next))
			}
			if err := scheduleTable(schedules, time.Now()).print(a.out); err != nil || next == "" {
				return err
			}
			return a.say("there are more: --cursor %s", argument(next))
		}),
	}
	l.flag(c, 100)
	a.queueFlag(c, &l.queue, "", "only of this `QUEUE` (default: of all)")
	c.Flags().StringVar(&l.cursor, "cursor", "", "go on after the page that ended with this `CURSOR`")
	return c
}

// read returns a page. Its cursor is the broker's own and the queue it is for.
func (l *scheduleListing) read(ctx context.Context, s *session) (found []admin.ScheduleStatus, next string, err error) {
	queues, inner, err := l.resume(ctx, s)
	if err != nil {
		return nil, "", err
	}
	for i, queue := range queues {
		for more := true; more; more = inner != "" {
			var page []admin.ScheduleStatus
			page, inner, err = s.Schedules(ctx, queue, inner, l.limit)
			if err != nil {
				return nil, "", err
			}
			found = append(found, page...)
			if len(found) < l.limit {
				continue
			}
			if inner != "" {
				return found, inner + "/" + queue, nil
			}
			if i+1 < len(queues) {
				return found, "/" + queues[i+1], nil
			}
		}
	}
	return found, "", nil
}

// resume returns the queues that are left, and the broker's cursor in the first.
func (l *scheduleListing) resume(ctx context.Context, s *session) (queues []string, inner string, err error) {
	inner, from, ok := strings.Cut(l.cursor, "/")
	if l.cursor != "" && !ok {
		return nil, "", usagef("--cursor must be what an earlier page of the same listing ended with, got %q", l.cursor)
	}
	if l.queue != "" {
		return []string{l.queue}, inner, nil
	}
	if queues, err = s.broker.Queues(ctx); err != nil {
		return nil, "", err
	}
	start, found := slices.BinarySearch(queues, from)
	if !found {
		inner = "" // the queue has gone
	}
	return queues[start:], inner, nil
}

func schedulePageOf(schedules []admin.ScheduleStatus, next string) schedulePage {
	page := schedulePage{Schedules: make([]scheduleView, len(schedules)), Next: next}
	for i := range schedules {
		page.Schedules[i] = scheduleViewOf(&schedules[i])
	}
	return page
}

func scheduleViewOf(s *admin.ScheduleStatus) scheduleView {
	v := scheduleView{
		Schedule: s.Name, Queue: s.Queue, Spec: s.Spec, Location: s.Location, Missed: s.Missed, Overlap: s.Overlap,
		Paused: s.Paused, Last: stamp(s.Last), Next: stamp(s.Next), Overdue: s.Overdue,
	}
	if s.Task != nil {
		v.Task = s.Task.Name
	}
	return v
}

func scheduleTable(schedules []admin.ScheduleStatus, now time.Time) *table {
	t := newTable("SCHEDULE", "QUEUE", "STATE", "SPEC", "TASK", "LAST", "NEXT", ">OVERDUE")
	for i := range schedules {
		v := scheduleViewOf(&schedules[i])
		t.row(brief(v.Schedule, 40), brief(v.Queue, 30), stateOf(v.Paused), brief(v.Spec, 40), brief(v.Task, 30),
			when(schedules[i].Last, now), when(schedules[i].Next, now), numbered(v.Overdue))
	}
	return t
}
