package admin

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// Query says which tasks are meant: those that match all of its fields that are
// set.
type Query struct {
	Queue  string      // default: "default"
	Status task.Status // required: one of task.Statuses()
	Name   string      // of the task
	// Error is what its last error contains, Fingerprint that error without
	// what varies, as in FailedGroup.
	Error       string
	Fingerprint string
	// Text is what its payload contains, byte by byte.
	Text string
}

func (q *Query) matches(t *task.Task) bool {
	switch {
	case q.Name != "" && q.Name != t.Name:
	case q.Error != "" && !strings.Contains(t.LastError, q.Error):
	case q.Fingerprint != "" && q.Fingerprint != fingerprint(t.LastError):
	case q.Text != "" && !bytes.Contains(t.Payload, []byte(q.Text)):
	default:
		return true
	}
	return false
}

// Search looks at the next limit tasks of a queue and a status, 1 to
// broker.MaxBatch, and returns those that match, in the order of
// broker.Inspector.Tasks. Cursor is "" for the first call and what the last one
// returned for the next; "" comes back with the last page. A page may be empty
// although others are not: a call does no more work for a rare match than for a
// common one. Tasks that move between two calls may be missed or seen twice.
func (c *Client) Search(ctx context.Context, q Query, cursor string, limit int) (found []*task.Task, next string, err error) {
	inspector, err := optional[broker.Inspector](c)
	if err != nil {
		return nil, "", err
	}
	page, next, err := inspector.Tasks(ctx, named(q.Queue), q.Status, cursor, limit)
	for _, t := range page {
		if q.matches(t) {
			found = append(found, t)
		}
	}
	return found, next, err
}

// ForAll does something to all tasks that match, such as Retry, Cancel or
// Delete of a jobsy.Client:
//
//	n, err := operator.ForAll(ctx, admin.Query{Status: task.StatusFailed, Name: "email:welcome"}, client.Retry)
//
// It finds all of them before it changes any, for a change moves pages, and then
// hands them over in batches of up to broker.MaxBatch, each task with its Queue
// and ID alone. It returns how many do has done without an error. Those that are
// gone, run or have ended meanwhile are passed over; the other errors are joined.
// An error that is no *jobsy.BatchError, of a batch of several, ends it.
func (c *Client) ForAll(ctx context.Context, q Query, do func(ctx context.Context, tasks ...*task.Task) error) (int, error) {
	ids, err := c.searchAll(ctx, q)
	if err != nil {
		return 0, err
	}
	done := 0
	var errs []error
	for len(ids) > 0 {
		batch := make([]*task.Task, min(len(ids), broker.MaxBatch))
		for i := range batch {
			batch[i] = &task.Task{Queue: named(q.Queue), ID: ids[i]}
		}
		ids = ids[len(batch):]
		n, failed, err := judgeBatch(len(batch), do(ctx, batch...))
		done, errs = done+n, append(errs, failed...)
		if err != nil {
			return done, errors.Join(append(errs, err)...)
		}
	}
	return done, errors.Join(errs...)
}

// judgeBatch tells how many of a batch are done, what has failed, and why it
// should go no further.
func judgeBatch(n int, err error) (done int, failed []error, fatal error) {
	errs := []error{err}
	var batch *jobsy.BatchError
	switch {
	case err == nil:
		return n, nil, nil
	case errors.As(err, &batch):
		errs = batch.Unwrap()
	case n > 1:
		return 0, nil, err
	}
	for _, err := range errs {
		if !errors.Is(err, task.ErrNotFound) && !errors.Is(err, task.ErrRunning) && !errors.Is(err, task.ErrEnded) {
			failed = append(failed, err)
		}
	}
	return n - len(errs), failed, nil
}

func (c *Client) searchAll(ctx context.Context, q Query) (ids []uuid.UUID, err error) {
	seen := make(map[uuid.UUID]bool)
	for cursor, more := "", true; more; more = cursor != "" {
		var found []*task.Task
		found, cursor, err = c.Search(ctx, q, cursor, broker.MaxBatch)
		if err != nil {
			return nil, err
		}
		for _, t := range found {
			if !seen[t.ID] { // pages may overlap
				seen[t.ID] = true
				ids = append(ids, t.ID)
			}
		}
	}
	return ids, nil
}
