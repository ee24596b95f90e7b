package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/task"
)

// groupView is a group of failed tasks for programs.
type groupView struct {
	Group   string     `json:"group"` // names it to failed retry and failed delete
	Queue   string     `json:"queue"`
	Name    string     `json:"name"`
	Error   string     `json:"error"` // with … for what differs from one to the next
	Count   int        `json:"count"`
	First   *time.Time `json:"first"`
	Last    *time.Time `json:"last"`
	Example string     `json:"example"` // the id of the latest
}

// groupPage is what failed prints for programs.
type groupPage struct {
	Groups []groupView `json:"groups"` // the largest first
	Total  int         `json:"total"`
	// Partial tells that there are failed tasks that were not looked at.
	Partial bool `json:"partial"`
}

// failedAtOnce is how many failed tasks are looked at unless all are asked for: as
// many as take well under a tenth of a second.
const failedAtOnce = 5000

func (a *app) failedCommand() *cobra.Command {
	page := pager{most: 1000}
	var queue string
	var every bool
	c := &cobra.Command{
		Use:   "failed",
		Short: "Show failed tasks, grouped by name and kind of error; run them again or delete them",
		Long: `Show failed tasks, grouped by name and kind of error, the largest groups first. Numbers,
ids and quoted text in errors stand as …. It looks at 5,000 failed tasks, those that will
be dropped first, unless --all is given.`,
		Example: `  jobsy failed
  jobsy failed --all
  jobsy failed --queue mail --limit 5
  jobsy failed retry 5d41402a --paced 10/s`,
	}
	c.AddCommand(a.failedChangeCommand(failedRetry()), a.failedChangeCommand(failedDelete()))
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usagef("%s has no command %q: it must be %s, or none", c.CommandPath(), args[0], names(c))
		}
		return nil
	}
	c.RunE = a.connected(func(ctx context.Context, s *session, _ []string) error {
		if err := page.check(); err != nil {
			return err
		}
		most := failedAtOnce
		if every {
			most = 0
		}
		groups, partial, err := s.failedGroups(ctx, queue, most)
		if err != nil {
			return err
		}
		return a.printGroups(groups, page.limit, partial)
	})
	page.flag(c, 50)
	c.Flags().BoolVar(&every, "all", false, "look at all failed tasks, however many")
	a.queueFlag(c, &queue, "", "only of this `QUEUE` (default: of all)")
	return c
}

func (a *app) printGroups(groups []admin.FailedGroup, limit int, partial bool) error {
	shownOf := groups[:min(limit, len(groups))]
	if a.json {
		page := groupPage{Groups: make([]groupView, len(shownOf)), Total: len(groups), Partial: partial}
		for i := range shownOf {
			page.Groups[i] = groupViewOf(&shownOf[i])
		}
		return a.printJSON(page)
	}
	if err := groupTable(shownOf, time.Now()).print(a.out); err != nil {
		return err
	}
	if partial {
		if err := a.say("of %s failed tasks; for more: --all", numbered(failedAtOnce)); err != nil {
			return err
		}
	}
	if len(shownOf) == len(groups) {
		return nil
	}
	return a.say("%s of %s groups; for more: --limit", numbered(len(shownOf)), numbered(len(groups)))
}

func groupTable(groups []admin.FailedGroup, now time.Time) *table {
	t := newTable("GROUP", ">COUNT", "QUEUE", "NAME", "FIRST", "LAST", "ERROR")
	for i := range groups {
		g := &groups[i]
		t.row(groupID(g), numbered(g.Count), brief(g.Queue, 30), brief(g.Name, 30), when(g.First, now), when(g.Last, now), brief(g.Fingerprint, 80))
	}
	return t
}

func groupViewOf(g *admin.FailedGroup) groupView {
	return groupView{
		Group: groupID(g), Queue: g.Queue, Name: g.Name, Error: g.Fingerprint, Count: g.Count,
		First: stamp(g.First), Last: stamp(g.Last), Example: g.Example.ID.String(),
	}
}

// groupID is what a group can be named by, whatever its error looks like.
func groupID(g *admin.FailedGroup) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{g.Queue, g.Name, g.Fingerprint}, "\x00")))
	return hex.EncodeToString(sum[:4])
}

// failedGroups returns the groups of a queue or, if that is "", of all: of most
// failed tasks, or all if that is 0. Partial says that there are more.
func (s *session) failedGroups(ctx context.Context, queue string, most int) (all []admin.FailedGroup, partial bool, err error) {
	queues := []string{queue}
	if queue == "" {
		if queues, err = s.broker.Queues(ctx); err != nil {
			return nil, false, err
		}
	}
	views, err := s.stands(ctx, queues)
	if err != nil {
		return nil, false, err
	}
	left := most
	for _, v := range views {
		if v.Counts[string(task.StatusFailed)] == 0 && v.Error == "" {
			continue
		}
		if most > 0 && left <= 0 {
			partial = true
			break
		}
		groups, more, err := s.groupsOf(ctx, v.Queue, left) // or its error
		if err != nil {
			return nil, false, err
		}
		if most > 0 {
			left -= v.Counts[string(task.StatusFailed)]
		}
		all, partial = append(all, groups...), partial || more
	}
	slices.SortStableFunc(all, func(x, y admin.FailedGroup) int { return cmp.Compare(y.Count, x.Count) })
	return all, partial, nil
}

// groupsOf returns the groups of most failed tasks of one queue, or of all if that
// is 0.
func (s *session) groupsOf(ctx context.Context, queue string, most int) (groups []admin.FailedGroup, more bool, err error) {
	if most == 0 {
		groups, err = s.FailedGroups(ctx, queue)
		return groups, false, err
	}
	groups, next, err := s.FailedGroupsPage(ctx, queue, "", most)
	return groups, next != "", err
}
