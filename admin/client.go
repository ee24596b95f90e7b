package admin

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// Options are what a Client can be told. The zero value of each field is its
// default.
type Options struct {
	// MaxPayload is the most bytes a payload may have that SetPayload and
	// RunSchedule write. Default: jobsy.DefaultMaxPayload, 1 MiB.
	MaxPayload int
}

// Client looks into a broker and steps in. It is safe for concurrent use, and
// needs no closing: the broker is closed by whoever made it.
//
// An empty queue is "default". A task is named by its Queue, which may be empty
// likewise, and its ID; all else in it is ignored, and nothing is written into it.
// What a broker of one's own does not offer is an error that names the interface
// it lacks.
type Client struct {
	broker     broker.Broker
	tasks      *jobsy.Client
	maxPayload int
	optErr     error
}

// New returns a client of the broker. Nil opts are the defaults. An invalid
// option, or no broker, surfaces in the first call.
func New(b broker.Broker, opts *Options) *Client {
	if opts == nil {
		opts = &Options{}
	}
	c := &Client{broker: b, maxPayload: cmp.Or(opts.MaxPayload, jobsy.DefaultMaxPayload)}
	c.tasks = jobsy.NewClient(b, &jobsy.ClientOptions{MaxPayload: c.maxPayload})
	switch {
	case b == nil:
		c.optErr = &task.FieldError{Field: "broker", Rule: "must not be nil"}
	case c.maxPayload < 0:
		c.optErr = &task.FieldError{Field: "Options.MaxPayload", Rule: "must not be negative", Value: fmt.Sprint(c.maxPayload)}
	}
	return c
}

// optional returns the client's broker as what not every broker is.
func optional[T any](c *Client) (T, error) {
	wanted, ok := c.broker.(T)
	switch {
	case c.optErr != nil:
		return wanted, c.optErr
	case !ok:
		return wanted, fmt.Errorf("the broker cannot do this: %T is no %s", c.broker, reflect.TypeFor[T]())
	}
	return wanted, nil
}

var errNilTask = &task.FieldError{Field: "task", Rule: "must not be nil"}

func named(queue string) string { return cmp.Or(queue, task.DefaultQueue) }

// joined returns nil, the error of the only task, or a *jobsy.BatchError.
func joined(errs []error) error {
	switch {
	case !slices.ContainsFunc(errs, func(err error) bool { return err != nil }):
		return nil
	case len(errs) == 1:
		return errs[0]
	}
	return &jobsy.BatchError{Errs: errs}
}
