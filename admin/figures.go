package admin

import (
	"context"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
)

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
	return monitor.Figures(ctx, named(queue), from, to)
}

// FiguresByName returns the same by the names of tasks, over the whole time: how
// many attempts ended in which way, and how long they waited and ran. What has
// too many other names goes under "".
func (c *Client) FiguresByName(ctx context.Context, queue string, from, to time.Time) (map[string]*broker.Tally, error) {
	monitor, err := optional[broker.Monitor](c)
	if err != nil {
		return nil, err
	}
	return monitor.FiguresByName(ctx, named(queue), from, to)
}
