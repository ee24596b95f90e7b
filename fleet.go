package jobsy

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	// maxServers is how many servers Client.Servers returns at most.
	maxServers = 10_000
	// serversAtOnce is how many it asks for in a call: each may list a thousand
	// running tasks.
	serversAtOnce = 50
)

// Servers returns the servers that are alive, sorted by name: what they work on,
// what they run, when they were last heard of. A server reports every 5 seconds, or
// every 15 while it has nothing to do; one that ends takes leave, and one that dies
// is listed for up to 45 seconds more. Of more than 10,000 it returns some; see
// broker.Monitor for a look page by page.
func (c *Client) Servers(ctx context.Context) ([]broker.ServerInfo, error) {
	monitor, err := optional[broker.Monitor](c)
	if err != nil {
		return nil, err
	}
	var servers []broker.ServerInfo
	for cursor, more := "", true; more && len(servers) < maxServers; more = cursor != "" {
		var page []broker.ServerInfo
		page, cursor, err = monitor.Servers(ctx, cursor, serversAtOnce)
		if err != nil {
			return nil, err
		}
		servers = append(servers, page...)
	}
	slices.SortFunc(servers, func(a, b broker.ServerInfo) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), b.SeenAt.Compare(a.SeenAt))
	})
	// A page may repeat what an earlier one had.
	return slices.CompactFunc(servers, func(a, b broker.ServerInfo) bool { return a.Name == b.Name }), nil
}

// Figures returns how many tasks of a queue were enqueued, completed, failed and
// retried between two times, and how long they waited and ran: by the minute if
// from is no more than two hours ago, else by ten minutes, for up to a day. Times
// are by the broker's clock. Servers report with a delay of up to 5 seconds;
// attempts that one made right before it died are missing.
func (c *Client) Figures(ctx context.Context, queue string, from, to time.Time) (broker.Figures, error) {
	monitor, err := optional[broker.Monitor](c)
	if err != nil {
		return broker.Figures{}, err
	}
	return monitor.Figures(ctx, cmp.Or(queue, task.DefaultQueue), from, to)
}

// FiguresByName returns the same by the names of tasks, over the whole time: how
// many attempts ended in which way, and how long they waited and ran. What has
// too many other names goes under "".
func (c *Client) FiguresByName(ctx context.Context, queue string, from, to time.Time) (map[string]*broker.Tally, error) {
	monitor, err := optional[broker.Monitor](c)
	if err != nil {
		return nil, err
	}
	return monitor.FiguresByName(ctx, cmp.Or(queue, task.DefaultQueue), from, to)
}
