package admin

import (
	"cmp"
	"context"
	"slices"

	"github.com/nex-gen-tech/jobsy/broker"
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
