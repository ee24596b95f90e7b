package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy/broker/redis"
)

// findingView is a finding for programs.
type findingView struct {
	Queue    string `json:"queue"`
	Key      string `json:"key"`
	ID       string `json:"id"`
	Kind     string `json:"kind"`
	Detail   string `json:"detail"`
	Repaired bool   `json:"repaired"`
	Error    string `json:"error"` // why it was not repaired
}

// diagnosis is what doctor prints for programs.
type diagnosis struct {
	Findings []findingView  `json:"findings"`
	Total    int            `json:"total"`
	Kinds    map[string]int `json:"kinds"`
	Left     int            `json:"left"` // not repaired
}

func (a *app) doctorCommand() *cobra.Command {
	page := pager{most: 10_000}
	var agreed consent
	var queues []string
	var repair bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Find what is broken in the keyspace, and repair it",
		Long: `Find what is broken in the keyspace, and repair it with --repair, which asks first
unless --yes is given. It may run while servers work; it reads all that there is. No task
is lost by a repair. The exit code is 1 if anything is left broken.`,
		Example: `  jobsy doctor
  jobsy doctor --queue mail --repair --yes`,
		Args: exactly(),
		RunE: a.connected(func(ctx context.Context, s *session, _ []string) error {
			if err := page.check(); err != nil {
				return err
			}
			clear := a.note("examining …")
			found, err := s.broker.Examine(ctx, queues...)
			clear()
			if err != nil {
				return err
			}
			errs := make([]error, len(found))
			if repair && len(found) > 0 {
				if err := agreed.ask(ctx, a, "repair "+counted(len(found), "finding")); err != nil {
					return err
				}
				errs = s.broker.Repair(ctx, found)
			}
			return a.diagnose(found, errs, repair, page.limit)
		}),
	}
	page.flag(c, 100)
	c.Flags().StringArrayVarP(&queues, "queue", "q", nil, "examine only this `QUEUE`; may be repeated (default: all there is)")
	a.completesQueues(c, "queue")
	c.Flags().BoolVar(&repair, "repair", false, "repair what is found")
	agreed.flag(c)
	return c
}

// diagnose prints the findings and, if they were repaired, what became of each.
func (a *app) diagnose(found []redis.Finding, errs []error, repaired bool, limit int) error {
	d := diagnosis{Findings: []findingView{}, Total: len(found), Kinds: make(map[string]int)}
	for i, f := range found {
		d.Kinds[string(f.Kind)]++
		v := findingView{Queue: f.Queue, Key: f.Key, ID: f.ID, Kind: string(f.Kind), Detail: f.Detail, Repaired: repaired}
		if i < len(errs) && errs[i] != nil {
			v.Repaired, v.Error = false, errs[i].Error()
		}
		if !v.Repaired {
			d.Left++
		}
		if len(d.Findings) < limit {
			d.Findings = append(d.Findings, v)
		}
	}
	print := a.diagnosisText
	if a.json {
		print = func(d *diagnosis, _ bool) error { return a.printJSON(d) }
	}
	if err := print(&d, repaired); err != nil {
		return err
	}
	if d.Left > 0 {
		return errReported
	}
	return nil
}

func (a *app) diagnosisText(d *diagnosis, repaired bool) error {
	if d.Total == 0 {
		return a.say("nothing is broken")
	}
	t := newTable("QUEUE", "KIND", "ID", "KEY", "DETAIL", "REPAIRED")
	for _, v := range d.Findings {
		t.row(brief(v.Queue, 30), v.Kind, brief(v.ID, 40), brief(v.Key, 60), brief(v.Detail, 80), repairedText(&v, repaired))
	}
	if err := t.print(a.out); err != nil {
		return err
	}
	for _, kind := range slices.Sorted(maps.Keys(d.Kinds)) {
		if err := a.say("%s: %s", kind, numbered(d.Kinds[kind])); err != nil {
			return err
		}
	}
	if more := d.Total - len(d.Findings); more > 0 {
		return errors.Join(a.say("%s more are not listed; for more: --limit", numbered(more)), a.verdict(d))
	}
	return a.verdict(d)
}

func (a *app) verdict(d *diagnosis) error {
	return a.say("%s, of which %s left as they are", counted(d.Total, "finding"), numbered(d.Left))
}

func repairedText(v *findingView, repaired bool) string {
	switch {
	case !repaired:
		return "–"
	case v.Repaired:
		return "yes"
	}
	return fmt.Sprintf("no: %s", brief(v.Error, 60))
}
