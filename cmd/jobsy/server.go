package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy/broker"
)

// serverView is a server for programs.
type serverView struct {
	Name        string         `json:"name"`
	Host        string         `json:"host"`
	PID         int            `json:"pid"`
	Version     string         `json:"version"`
	StartedAt   *time.Time     `json:"started_at"`
	SeenAt      *time.Time     `json:"seen_at"`
	Concurrency int            `json:"concurrency"`
	Busy        int            `json:"busy"`
	Overdue     int            `json:"overdue"` // handlers that ignore their ended contexts
	Stopping    bool           `json:"stopping"`
	Queues      map[string]int `json:"queues"`
	Handlers    []string       `json:"handlers"`
	AnyName     bool           `json:"any_name"` // it may handle others, too
	Running     []runningView  `json:"running"`  // the first of them to start
}

type runningView struct {
	ID    string     `json:"id"`
	Name  string     `json:"name"`
	Queue string     `json:"queue"`
	Since *time.Time `json:"since"`
	// Overdue: its handler ignores that its context has ended.
	Overdue bool `json:"overdue"`
}

// serverPage is what server ls prints for programs.
type serverPage struct {
	Servers []serverView `json:"servers"`
	Next    string       `json:"next"` // for --cursor; "": there are no more
}

func (a *app) serverCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "server",
		Short:   "List the servers that are alive",
		Example: "  jobsy server ls",
	}
	c.AddCommand(a.serverLsCommand())
	return group(c)
}

func (a *app) serverLsCommand() *cobra.Command {
	page := pager{most: broker.MaxBatch}
	var cursor string
	c := &cobra.Command{
		Use:   "ls",
		Short: "List the servers that are alive, and what each does",
		Long: `List about --limit servers that are alive, and what each does. One that has died is
listed for up to 45 seconds more. OVERDUE counts the handlers that go on although their
contexts ended ten seconds ago and more: each keeps a slot until it returns.`,
		Example: "  jobsy server ls\n  jobsy server ls --json | jq '.servers[] | {name, busy}'",
		Args:    exactly(),
		RunE: a.connected(func(ctx context.Context, s *session, _ []string) error {
			if err := page.check(); err != nil {
				return err
			}
			servers, next, err := readServers(ctx, s, cursor, page.limit)
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(serverPageOf(servers, next))
			}
			if err := serverTable(servers, time.Now()).print(a.out); err != nil || next == "" {
				return err
			}
			return a.say("there are more: --cursor %s", argument(next))
		}),
	}
	page.flag(c, 100)
	c.Flags().StringVar(&cursor, "cursor", "", "go on after the page that ended with this `CURSOR`")
	return c
}

// readServers returns a page that is not empty, unless it is the last.
func readServers(ctx context.Context, s *session, cursor string, limit int) ([]broker.ServerInfo, string, error) {
	for {
		servers, next, err := s.broker.Servers(ctx, cursor, limit)
		if err != nil || len(servers) > 0 || next == "" {
			slices.SortFunc(servers, func(x, y broker.ServerInfo) int { return strings.Compare(x.Name, y.Name) })
			return servers, next, err
		}
		cursor = next
	}
}

func serverPageOf(servers []broker.ServerInfo, next string) serverPage {
	page := serverPage{Servers: make([]serverView, len(servers)), Next: next}
	for i := range servers {
		page.Servers[i] = serverViewOf(&servers[i])
	}
	return page
}

func serverViewOf(s *broker.ServerInfo) serverView {
	v := serverView{
		Name: s.Name, Host: s.Host, PID: s.PID, Version: s.Version, StartedAt: stamp(s.StartedAt), SeenAt: stamp(s.SeenAt),
		Concurrency: s.Concurrency, Busy: s.Busy, Overdue: s.Overdue, Stopping: s.Stopping, Queues: s.Queues,
		Handlers: append([]string{}, s.Handlers...), AnyName: s.AnyName, Running: make([]runningView, len(s.Running)),
	}
	for i, r := range s.Running {
		v.Running[i] = runningView{r.ID.String(), r.Name, r.Queue, stamp(r.Since), r.Overdue}
	}
	return v
}

func serverTable(servers []broker.ServerInfo, now time.Time) *table {
	t := newTable("NAME", "HOST", ">PID", "STATE", ">BUSY", ">OVERDUE", "UP", "SEEN", "QUEUES", "LONGEST")
	for i := range servers {
		s := &servers[i]
		state := "running"
		if s.Stopping {
			state = "stopping"
		}
		t.row(brief(s.Name, 40), brief(s.Host, 30), fmt.Sprint(s.PID), state, numbered(s.Busy)+"/"+numbered(s.Concurrency),
			overdue(s.Overdue), span(now.Sub(s.StartedAt)), when(s.SeenAt, now), weights(s.Queues), longest(s, now))
	}
	return t
}

// overdue is how many handlers are, or a dash.
func overdue(n int) string {
	if n == 0 {
		return "–"
	}
	return numbered(n)
}

// weights lists the first queues of a server with their weights.
func weights(queues map[string]int) string {
	const most = 5
	var all []string
	for _, name := range slices.Sorted(maps.Keys(queues)) {
		if len(all) == most {
			all = append(all, fmt.Sprintf("and %d more", len(queues)-most))
			break
		}
		all = append(all, fmt.Sprintf("%s:%d", brief(name, 20), queues[name]))
	}
	return strings.Join(all, " ")
}

// longest is the task that a server has had for longest.
func longest(s *broker.ServerInfo, now time.Time) string {
	if len(s.Running) == 0 {
		return "–"
	}
	first := slices.MinFunc(s.Running, func(x, y broker.RunningTask) int { return x.Since.Compare(y.Since) })
	text := brief(first.Name, 30) + " " + span(max(now.Sub(first.Since), 0))
	if first.Overdue {
		text += " (overdue)"
	}
	return text
}
