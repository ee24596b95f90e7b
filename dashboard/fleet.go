package dashboard

import (
	"context"
	"slices"
	"strings"

	"github.com/nex-gen-tech/jobsy/broker"
)

const maxServers = 200 // on one page

// serversData are servers that live.
type serversData struct {
	Known   bool // the broker can tell
	Servers []server
	Next    string
	Busy    int
	Room    int
	Overdue int // handlers
}

// server is one of them.
type server struct {
	broker.ServerInfo
	QueueNames []string
}

func (d *dashboard) servers(ctx context.Context, q *params) (any, error) {
	cursor := q.text("cursor", maxCursor)
	data := &serversData{Known: d.monitor != nil}
	if q.err != nil || d.monitor == nil {
		return data, nil
	}
	found, next, err := d.monitor.Servers(ctx, cursor, maxServers)
	if err != nil {
		return nil, err
	}
	data.Next = next
	slices.SortFunc(found, func(a, b broker.ServerInfo) int { return strings.Compare(a.Name, b.Name) })
	for _, info := range found {
		s := server{ServerInfo: info}
		for name := range info.Queues {
			s.QueueNames = append(s.QueueNames, name)
		}
		slices.Sort(s.QueueNames)
		slices.SortStableFunc(s.Running, overdueFirst)
		s.Running = s.Running[:min(len(s.Running), 50)]
		data.Servers = append(data.Servers, s)
		data.Busy += info.Busy
		data.Room += info.Concurrency
		data.Overdue += info.Overdue
	}
	return data, nil
}

func overdueFirst(a, b broker.RunningTask) int {
	switch {
	case a.Overdue == b.Overdue:
		return 0
	case a.Overdue:
		return -1
	}
	return 1
}

// countServers returns how many live, as far as one page goes, or -1, and how many
// of their handlers are overdue.
func (d *dashboard) countServers(ctx context.Context) (n, overdue int, err error) {
	if d.monitor == nil {
		return -1, 0, nil
	}
	found, _, err := d.monitor.Servers(ctx, "", broker.MaxBatch)
	for i := range found {
		overdue += found[i].Overdue
	}
	return len(found), overdue, err
}
