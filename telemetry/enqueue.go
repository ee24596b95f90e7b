package telemetry

import (
	"context"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

// EnqueueMiddleware gives each call of Enqueue a span, and records what became of
// it in the metrics messaging.client.sent.messages and
// messaging.client.operation.duration. Nil opts are the defaults. It is for
// jobsy.ClientOptions, of a client, a server or a worker, and for
// scheduler.Options, where each tick is such a call. Add it before others, to
// have what they do in the span.
//
// The context of that span, a child of the one in ctx, is written into the
// Headers of a single task. Each of several tasks gets one of its own, which the
// span of the call links to. A task whose Headers have a context keeps it, and
// is linked to: enqueuing it again, after task.ErrUnavailable, stays the same.
//
// Every process that runs a schedule has a span for each of its ticks; in that of
// the one whose tick was taken the trace goes on. A tick that enqueued nothing is
// not counted as a message.
func EnqueueMiddleware(opts *Options) jobsy.EnqueueMiddleware {
	tools := newInstruments(opts)
	return func(next jobsy.Enqueue) jobsy.Enqueue {
		return func(ctx context.Context, tasks ...*task.Task) error {
			ctx, sent := tools.send(ctx, tasks)
			err := errUnwound // what is left by a panic, which goes on
			defer func() { sent.end(ctx, err) }()
			err = next(ctx, tasks...)
			return err
		}
	}
}
