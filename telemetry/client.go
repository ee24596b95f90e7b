package telemetry

import (
	"context"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

// Client is a jobsy.Client that enqueues in a span. All other methods are those
// of the client within. It is safe for concurrent use.
type Client struct {
	*jobsy.Client
	tools *instruments
}

// NewClient returns a client that enqueues by c. Nil opts are the defaults.
func NewClient(c *jobsy.Client, opts *Options) *Client {
	return &Client{c, newInstruments(opts)}
}

// Enqueue enqueues as jobsy.Client does, with the same errors, and records what
// became of it in a span and in the metrics messaging.client.sent.messages and
// messaging.client.operation.duration.
//
// The context of that span, a child of the one in ctx, is written into the
// Headers of a single task. Each of several tasks gets one of its own, which the
// span of the call links to. A task whose Headers have a context keeps it, and
// is linked to: enqueuing it again, after task.ErrUnavailable, stays the same.
func (c *Client) Enqueue(ctx context.Context, tasks ...*task.Task) error {
	ctx, sent := c.tools.send(ctx, tasks)
	err := c.Client.Enqueue(ctx, tasks...)
	sent.end(ctx, err)
	return err
}
