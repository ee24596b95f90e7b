package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/task"
)

// failedChange is what can be done to groups of failed tasks.
type failedChange struct {
	verb, done, short string
	paced             bool
	make              func(ctx context.Context, c *admin.Client, g admin.FailedGroup, perSecond float64) (int, error)
}

func failedRetry() failedChange {
	return failedChange{
		verb: "retry", done: "pending again", short: "Run failed tasks again, all at once or at a pace", paced: true,
		make: func(ctx context.Context, c *admin.Client, g admin.FailedGroup, perSecond float64) (int, error) {
			return c.RetryFailed(ctx, g, perSecond)
		},
	}
}

func failedDelete() failedChange {
	return failedChange{
		verb: "delete", done: "deleted", short: "Delete failed tasks",
		make: func(ctx context.Context, c *admin.Client, g admin.FailedGroup, _ float64) (int, error) {
			return c.DeleteFailed(ctx, g)
		},
	}
}

// groupChoice says which groups are meant.
type groupChoice struct {
	ids                []string
	queue, name, error string
}

func (a *app) failedChangeCommand(ch failedChange) *cobra.Command {
	var choice groupChoice
	var agreed consent
	var pace string
	c := &cobra.Command{
		Use:   ch.verb + " [GROUP...]",
		Short: ch.short,
		Long: ch.short + ".\n\nGroups are named as jobsy failed lists them, or all are meant that --queue, --name and\n" +
			"--error leave. It asks first, unless --yes is given.",
		Example: "  jobsy failed " + ch.verb + " 5d41402a\n  jobsy failed " + ch.verb + " --queue mail --name email:welcome --yes",
		RunE: a.connected(func(ctx context.Context, s *session, args []string) error {
			choice.ids = args
			perSecond, err := parsePace(pace)
			if err != nil {
				return err
			}
			groups, err := choice.groups(ctx, s)
			if err != nil {
				return err
			}
			return a.changeGroups(ctx, s, ch, groups, perSecond, &agreed)
		}),
	}
	a.queueFlag(c, &choice.queue, "", "groups of this `QUEUE` (default: of all)")
	c.Flags().StringVar(&choice.name, "name", "", "groups of tasks of this `NAME`")
	c.Flags().StringVar(&choice.error, "error", "", "groups with this `ERROR`, with its …")
	if ch.paced {
		c.Flags().StringVar(&pace, "paced", "", "so many at a time: `N/s`, N/m or N/h (default: all at once)")
	}
	agreed.flag(c)
	return c
}

// parsePace returns how many a second are meant; 0: all at once.
func parsePace(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	units := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}
	count, unit, _ := strings.Cut(text, "/")
	n, err := strconv.ParseFloat(count, 64)
	perSecond := n / units[unit].Seconds()
	if err != nil || units[unit] == 0 || !(perSecond >= 0.001 && perSecond <= 1e6) {
		return 0, usagef("--paced must be a rate from 4/h to 1000000/s, such as 10/s, 30/m or 100/h, got %q", text)
	}
	return perSecond, nil
}

// groups returns the groups that are meant.
func (g *groupChoice) groups(ctx context.Context, s *session) ([]admin.FailedGroup, error) {
	all, _, err := s.failedGroups(ctx, g.queue, 0)
	if err != nil {
		return nil, err
	}
	for _, id := range g.ids {
		if !slices.ContainsFunc(all, func(one admin.FailedGroup) bool { return groupID(&one) == id }) {
			return nil, fmt.Errorf("GROUP must be one that jobsy failed lists, got %q", id)
		}
	}
	return slices.DeleteFunc(all, func(one admin.FailedGroup) bool { return !g.meant(&one) }), nil
}

func (g *groupChoice) meant(one *admin.FailedGroup) bool {
	return (len(g.ids) == 0 || slices.Contains(g.ids, groupID(one))) &&
		(g.name == "" || g.name == one.Name) && (g.error == "" || g.error == one.Fingerprint)
}

func (a *app) changeGroups(ctx context.Context, s *session, ch failedChange, groups []admin.FailedGroup, perSecond float64, agreed *consent) error {
	total := 0
	for _, g := range groups {
		total += g.Count
	}
	if total > 0 {
		question := fmt.Sprintf("%s %s of %s", ch.verb, counted(total, "failed task"), counted(len(groups), "group"))
		if err := agreed.ask(ctx, a, question); err != nil {
			return err
		}
	}
	var o tally
	for i := range groups {
		err := a.changeGroup(ctx, s, ch, &groups[i], perSecond, &o)
		if err != nil {
			return err
		}
	}
	return a.report(&o, ch.done)
}

func (a *app) changeGroup(ctx context.Context, s *session, ch failedChange, g *admin.FailedGroup, perSecond float64, o *tally) error {
	stop := a.follow(ctx, s, ch.verb, g)
	n, err := ch.make(ctx, s.Client, *g, perSecond)
	stop()
	var batch *jobsy.BatchError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted: %s of %s", counted(o.Changed+n, "task"), ch.done)
	case err != nil && !errors.As(err, &batch):
		return err
	}
	o.Changed += n
	if batch == nil {
		return nil
	}
	for _, one := range batch.Errs {
		if one != nil {
			o.add(groupID(g), one)
		}
	}
	return nil
}

// follow moves a bar while failed tasks become fewer, for a change of a group is
// one call, and returns what ends that.
func (a *app) follow(ctx context.Context, s *session, verb string, g *admin.FailedGroup) (stop func()) {
	if !a.moving {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.watchFailed(ctx, s, verb, g)
	}()
	return func() {
		cancel()
		<-ended
	}
}

func (a *app) watchFailed(ctx context.Context, s *session, verb string, g *admin.FailedGroup) {
	bar, first := a.newBar(verb, g.Count), -1
	defer bar.end()
	tick := time.NewTicker(barPause)
	defer tick.Stop()
	for {
		counts, err := s.broker.Counts(ctx, g.Queue)
		if err != nil {
			return
		}
		if first < 0 {
			first = counts[task.StatusFailed]
		}
		bar.at(min(max(first-counts[task.StatusFailed], 0), g.Count))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
