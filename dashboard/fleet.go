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
		s.Running = s.Running[:min(len(s.Running), 50)]
		data.Servers = append(data.Servers, s)
		data.Busy += info.Busy
		data.Room += info.Concurrency
	}
	return data, nil
}

// countServers returns how many live, as far as one page goes, or -1.
func (d *dashboard) countServers(ctx context.Context) (int, error) {
	if d.monitor == nil {
		return -1, nil
	}
	found, _, err := d.monitor.Servers(ctx, "", broker.MaxBatch)
	return len(found), err
}
