package admin

import (
	"context"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// Queues returns the names of the queues that are known, sorted.
func (c *Client) Queues(ctx context.Context) ([]string, error) {
	inspector, err := optional[broker.Inspector](c)
	if err != nil {
		return nil, err
	}
	return inspector.Queues(ctx)
}

// Counts returns how many tasks of a queue have each status. An unknown queue has
// none.
func (c *Client) Counts(ctx context.Context, queue string) (map[task.Status]int, error) {
	inspector, err := optional[broker.Inspector](c)
	if err != nil {
		return nil, err
	}
	return inspector.Counts(ctx, named(queue))
}

// Queue returns what else there is to know of a queue.
func (c *Client) Queue(ctx context.Context, queue string) (broker.QueueInfo, error) {
	inspector, err := optional[broker.Inspector](c)
	if err != nil {
		return broker.QueueInfo{}, err
	}
	return inspector.Queue(ctx, named(queue))
}

// Pause has servers start nothing more of a queue, at once and everywhere, until
// it is resumed. What runs goes on, and enqueuing does.
func (c *Client) Pause(ctx context.Context, queue string) error {
	operator, err := optional[broker.Operator](c)
	if err != nil {
		return err
	}
	return operator.Pause(ctx, named(queue))
}

// Resume ends a pause.
func (c *Client) Resume(ctx context.Context, queue string) error {
	operator, err := optional[broker.Operator](c)
	if err != nil {
		return err
	}
	return operator.Resume(ctx, named(queue))
}
