package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// failedAtOnce is how many failed tasks are looked at, or changed, in one call: there may
// be very many, and between two calls the broker has time for the workers.
const failedAtOnce = 200

// FailedGroup are failed tasks of a queue with one name and one kind of error.
type FailedGroup struct {
	Queue string
	Name  string // of the tasks
	// Fingerprint is the first line of their last errors, at most 200 bytes of
	// it, with "…" for what differs from one to the next: numbers, hex, UUIDs
	// and quoted text.
	Fingerprint string
	Count       int
	First, Last time.Time  // when the earliest and the latest of them ended
	Example     *task.Task // the latest
}

// FailedGroups returns the failed tasks of a queue in groups, the largest first.
// It reads all of them, page by page.
func (c *Client) FailedGroups(ctx context.Context, queue string) ([]FailedGroup, error) {
	queue = named(queue)
	groups := make(grouping)
	if err := c.eachFailed(ctx, queue, func(t *task.Task) { groups.add(queue, t) }); err != nil {
		return nil, err
	}
	return groups.sorted(), nil
}

// FailedGroupsPage is FailedGroups of some failed tasks, for those who cannot wait
// for all: it looks at limit of them, 1 to 10,000, those
// that will be dropped first. Cursor is "" for the first of them and what the last
// call returned for the next; "" comes back with the last. A group may be on many
// pages.
func (c *Client) FailedGroupsPage(ctx context.Context, queue, cursor string, limit int) (groups []FailedGroup, next string, err error) {
	const most = 10_000
	inspector, err := optional[broker.Inspector](c)
	if err != nil {
		return nil, "", err
	}
	if limit < 1 || limit > most {
		return nil, "", &task.FieldError{Field: "limit", Rule: "must be 1 to 10000", Value: fmt.Sprint(limit)}
	}
	queue = named(queue)
	found := make(grouping)
	for ; limit > 0; limit -= failedAtOnce {
		var page []*task.Task
		page, cursor, err = inspector.Tasks(ctx, queue, task.StatusFailed, cursor, min(limit, failedAtOnce))
		if err != nil {
			return nil, "", err
		}
		for _, t := range page {
			found.add(queue, t)
		}
		if cursor == "" {
			break
		}
	}
	return found.sorted(), cursor, nil
}

// groupKey is what the tasks of a group have in common.
type groupKey struct{ name, fingerprint string }

type grouping map[groupKey]*FailedGroup

func (all grouping) add(queue string, t *task.Task) {
	k := groupKey{t.Name, fingerprint(t.LastError)}
	g := all[k]
	if g == nil {
		g = &FailedGroup{Queue: queue, Name: k.name, Fingerprint: k.fingerprint, First: t.EndedAt}
		all[k] = g
	}
	g.Count++
	if t.EndedAt.Before(g.First) {
		g.First = t.EndedAt
	}
	if g.Example == nil || !t.EndedAt.Before(g.Last) {
		g.Last, g.Example = t.EndedAt, t
	}
}

// sorted returns the groups, the largest first.
func (all grouping) sorted() []FailedGroup {
	found := make([]FailedGroup, 0, len(all))
	for _, g := range all {
		found = append(found, *g)
	}
	slices.SortFunc(found, func(a, b FailedGroup) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	return found
}

// slowest is the least pace of RetryFailed: its delays cannot overflow.
const slowest = 0.001

// RetryFailed runs the failed tasks of a group again, so many a second (0: all at
// once; else at least 0.001), and returns how many. Of the group its Queue, Name
// and Fingerprint count; an empty Name or Fingerprint stands for any. A task that
// is gone meanwhile, or runs again already, is passed over. The error of others
// is a *jobsy.BatchError.
func (c *Client) RetryFailed(ctx context.Context, g FailedGroup, perSecond float64) (int, error) {
	if perSecond != 0 && !(perSecond >= slowest) { // NaN is not
		return 0, &task.FieldError{Field: "perSecond", Rule: "must be 0, or at least 0.001", Value: fmt.Sprint(perSecond)}
	}
	change := broker.Change{Status: task.StatusPending}
	if perSecond > 0 {
		change.Spacing = time.Duration(float64(time.Second) / perSecond)
	}
	return c.reviseFailed(ctx, g, change)
}

// DeleteFailed removes the failed tasks of a group, and returns how many. The
// group is meant as with RetryFailed.
func (c *Client) DeleteFailed(ctx context.Context, g FailedGroup) (int, error) {
	return c.reviseFailed(ctx, g, broker.Change{Delete: true})
}

// reviseFailed finds all tasks before it changes any, for a change moves pages.
func (c *Client) reviseFailed(ctx context.Context, g FailedGroup, change broker.Change) (int, error) {
	operator, err := optional[broker.Operator](c)
	if err != nil {
		return 0, err
	}
	g.Queue = named(g.Queue)
	var ids []uuid.UUID
	err = c.eachFailed(ctx, g.Queue, func(t *task.Task) {
		if (g.Name == "" || g.Name == t.Name) && (g.Fingerprint == "" || g.Fingerprint == fingerprint(t.LastError)) {
			ids = append(ids, t.ID)
		}
	})
	if err != nil {
		return 0, err
	}
	changed, errs := len(ids), make([]error, len(ids))
	for start := 0; start < len(ids); start += failedAtOnce {
		batch := ids[start:min(start+failedAtOnce, len(ids))]
		change.Delay = time.Duration(start) * change.Spacing
		for i, err := range operator.Revise(ctx, g.Queue, batch, change) {
			if err == nil {
				continue
			}
			changed--
			if !errors.Is(err, task.ErrNotFound) && !errors.Is(err, task.ErrRunning) {
				errs[start+i] = err
			}
		}
	}
	return changed, joined(errs)
}

func (c *Client) eachFailed(ctx context.Context, queue string, do func(*task.Task)) error {
	inspector, err := optional[broker.Inspector](c)
	if err != nil {
		return err
	}
	for cursor, more := "", true; more; more = cursor != "" {
		var page []*task.Task
		page, cursor, err = inspector.Tasks(ctx, queue, task.StatusFailed, cursor, failedAtOnce)
		if err != nil {
			return err
		}
		for _, t := range page {
			do(t)
		}
	}
	return nil
}
