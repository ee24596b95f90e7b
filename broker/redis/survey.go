package redis

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	// surveyBatch is how many queues one round trip asks for.
	surveyBatch = 200
	// oldestRecord is the longest record that is read to tell an age: what
	// watches a fleet should not move its payloads.
	oldestRecord = 64 << 10
)

var _ broker.Surveyor = (*Broker)(nil)

// Survey implements broker.Surveyor: one round trip for 200 queues, on a Cluster
// one to each node.
func (b *Broker) Survey(ctx context.Context, queues []string) ([]broker.QueueSurvey, []error) {
	surveys := make([]broker.QueueSurvey, len(queues))
	if err := b.ready(ctx); err != nil {
		return surveys, all(len(queues), err)
	}
	errs := make([]error, len(queues))
	for start := 0; start < len(queues); start += surveyBatch {
		end := min(start+surveyBatch, len(queues))
		b.survey(ctx, queues[start:end], surveys[start:end], errs[start:end])
	}
	if !slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
		errs = nil
	}
	return surveys, errs
}

// survey fills in the surveys, or errors, of the queues of one round trip.
func (b *Broker) survey(ctx context.Context, queues []string, surveys []broker.QueueSurvey, errs []error) {
	var glances []*glance
	var counts []cards
	var asked []int
	for i, queue := range queues {
		if errs[i] = broker.CheckQueue("Queue", queue); errs[i] == nil {
			asked = append(asked, i)
		}
	}
	b.look(ctx, func(p goredis.Pipeliner) []*glance {
		for _, i := range asked {
			k := b.keys(queues[i])
			glances, counts = append(glances, k.glance(ctx, p)), append(counts, k.count(ctx, p))
		}
		return glances
	})
	for n, i := range asked {
		info, err := glances[n].info()
		counted, countErr := counts[n].values()
		if err = cmp.Or(err, countErr); err != nil {
			errs[i] = wrap("survey a queue in redis", err)
			continue
		}
		surveys[i] = broker.QueueSurvey{Counts: counted, QueueInfo: info}
	}
}

// cards are the commands that count the tasks of a queue.
type cards map[task.Status]*goredis.IntCmd

func (k keys) count(ctx context.Context, p goredis.Pipeliner) cards {
	c := make(cards)
	for _, status := range task.Statuses() {
		c[status] = p.ZCard(ctx, k.set(status))
	}
	return c
}

func (c cards) values() (map[task.Status]int, error) {
	counts := make(map[task.Status]int)
	for status, card := range c {
		if card.Err() != nil {
			return nil, card.Err()
		}
		if n := int(card.Val()); n > 0 {
			counts[status] = n
		}
	}
	return counts, nil
}

// glance is the commands for what else there is to know of a queue.
type glance struct {
	call    scriptCall // of oldest
	oldest  *goredis.Cmd
	paused  *goredis.IntCmd
	dropped *goredis.MapStringStringCmd
}

func (k keys) glance(ctx context.Context, p goredis.Pipeliner) *glance {
	g := &glance{call: scriptCall{k.oldest(), []any{prioritiesLooked, oldestRecord}}}
	g.oldest = p.EvalSha(ctx, oldestScript.digest, g.call.keys, g.call.args...)
	g.paused, g.dropped = p.Exists(ctx, k.paused()), p.HGetAll(ctx, k.dropped())
	return g
}

// look sends what ask puts into a pipeline, and sees that the glances among it
// are answered by a server that does not know their script.
func (b *Broker) look(ctx context.Context, ask func(goredis.Pipeliner) []*glance) {
	var glances []*glance
	// The error is that of the first command that failed, which has it too.
	_, _ = b.client.Pipelined(ctx, func(p goredis.Pipeliner) error {
		glances = ask(p)
		return nil
	})
	calls, cmds := make([]scriptCall, len(glances)), make([]*goredis.Cmd, len(glances))
	for i, g := range glances {
		calls[i], cmds[i] = g.call, g.oldest
	}
	for i, cmd := range oldestScript.known(ctx, b.client, calls, cmds) {
		glances[i].oldest = cmd
	}
}

func (g *glance) info() (broker.QueueInfo, error) {
	age, err := oldest(g.oldest)
	if err = cmp.Or(err, g.paused.Err(), g.dropped.Err()); err != nil {
		return broker.QueueInfo{}, err
	}
	info := broker.QueueInfo{Paused: g.paused.Val() == 1, Dropped: make(map[task.Status]int), Oldest: age}
	for status, count := range g.dropped.Val() {
		info.Dropped[task.Status(status)], _ = strconv.Atoi(count)
	}
	return info, nil
}
