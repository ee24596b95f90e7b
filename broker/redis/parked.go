package redis

import (
	"context"
	"slices"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	// parked is the score from which on a task is parked, up to held.
	parked = sequences / 2 * 256
	// namesTold is how many names of parked tasks one call of the lease script
	// tells, and namesCalled of how many it is told.
	namesTold   = 50
	namesCalled = 100
)

func isParked(score float64) bool { return score >= parked && score < held }

// roll is what a place knows of the parked tasks of its queue.
type roll struct {
	after   string   // where the next call goes on telling
	whole   bool     // all were told once
	handled []string // of those told, for the next call
}

// hear takes the names that a call has told, which has leased everything of those
// that it was called with unless it was full. It reports whether there are such as
// that call was not called with, so that another one may get more.
func (n *roll) hear(told []string, req *broker.LeaseRequest, full bool) (more bool) {
	before := n.handled
	if !full {
		n.handled = nil
	}
	for _, name := range told {
		if len(n.handled) < namesCalled && !slices.Contains(n.handled, name) && req.Knows(name) {
			n.handled = append(n.handled, name)
			more = more || !slices.Contains(before, name)
		}
	}
	n.after = ""
	if len(told) >= namesTold {
		n.after = told[len(told)-1]
	}
	n.whole = n.whole || n.after == ""
	return more || !n.whole
}

// leaseArgs are the arguments of the lease script for the next call.
func (p *place) leaseArgs(req *broker.LeaseRequest) []any {
	lasts := 1
	if req.NoLast {
		lasts = 0
	}
	args := []any{p.call, req.Max, ceil(req.Duration), req.Last, lasts, p.roll.after}
	for _, name := range p.roll.handled {
		args = append(args, name)
	}
	return args
}

// parkedID returns the id in an entry of the set parked, or "".
func parkedID(entry string) string {
	name, rest, _ := strings.Cut(entry, "\x01")
	const before = 3 + 14 // priority, number
	if name == "" || len(rest) < before+idLength+len("|0") || rest[before+idLength] != '|' {
		return ""
	}
	if _, err := strconv.ParseUint(rest[:before]+rest[before+idLength+1:], 10, 63); err != nil {
		return ""
	}
	return rest[before : before+idLength]
}

// checkEntries looks for what cannot be read by a name: the order within the set
// holds for equal scores alone.
func (e *examination) checkEntries(ctx context.Context) error {
	return e.each(ctx, e.k.parked(), func(entry, score string) error {
		switch {
		case !goodID(parkedID(entry)):
			return e.suspect(ctx, e.k.parked(), entry, KindVoidMark, "it is no parked task", "entry", entry)
		case score != "0":
			return e.suspect(ctx, e.k.parked(), entry, KindBadScore, "its score is "+score, "entry", entry)
		}
		return nil
	})
}

// checkParked looks for the entries of the tasks that are parked.
func (e *examination) checkParked(ctx context.Context) error {
	for start := int64(0); ; start += broker.MaxBatch {
		by := &goredis.ZRangeBy{
			Min: strconv.Itoa(parked), Max: "(" + strconv.Itoa(held), Offset: start, Count: broker.MaxBatch,
		}
		ids, err := e.client.ZRangeByScore(ctx, e.k.scheduled(), by).Result()
		if err != nil || len(ids) == 0 {
			return err
		}
		entries, err := e.entries(ctx)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if entries[id] {
				continue
			}
			args, err := e.parking(ctx, e.k, id)
			if err != nil {
				return err
			}
			if err := e.suspect(ctx, e.k.scheduled(), id, KindStuck, "it is parked, but under no name", "parked", args...); err != nil {
				return err
			}
		}
	}
}

// entries returns the ids in the set parked.
func (e *examination) entries(ctx context.Context) (map[string]bool, error) {
	ids := make(map[string]bool)
	return ids, e.each(ctx, e.k.parked(), func(entry, _ string) error {
		ids[parkedID(entry)] = true
		return nil
	})
}

// parking are the arguments of the mend script on a task that is parked.
func (d doctor) parking(ctx context.Context, k keys, id string) ([]any, error) {
	kept, err := d.client.HGet(ctx, k.tasks(), id).Result()
	if err != nil && err != goredis.Nil {
		return nil, err
	}
	decoded, _ := decodeID(id)
	t, err := record.Decode(kept, decoded)
	if err != nil {
		t = new(task.Task) // of no name
	}
	return []any{id, digestOf(kept), t.Name}, nil
}
