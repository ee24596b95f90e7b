package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	// surveyBatch is how many queues one round trip asks for.
	surveyBatch = 200
	// surveyHeads is how many of a queue's first pending tasks are looked at.
	surveyHeads = 4
	// surveyRecord is the longest record that a survey reads: what watches a
	// fleet should not move its payloads.
	surveyRecord = 16 << 10
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
	var calls []scriptCall
	var asked []int
	for i, queue := range queues {
		if errs[i] = task.CheckQueue("Queue", queue); errs[i] == nil {
			calls = append(calls, scriptCall{b.keys(queue).survey(), []any{surveyHeads, surveyRecord}})
			asked = append(asked, i)
		}
	}
	if len(calls) == 0 {
		return
	}
	for n, cmd := range surveyScript.runAll(ctx, b.client, calls, nil) {
		i := asked[n]
		reply, err := cmd.Result()
		if err == nil {
			surveys[i], err = parseSurvey(reply)
		}
		errs[i] = wrap("survey a queue in redis", err)
	}
}

// surveyed has the statuses that the survey script counts, in its order.
var surveyed = []task.Status{
	task.StatusPending, task.StatusScheduled, task.StatusRetrying,
	task.StatusCompleted, task.StatusFailed, task.StatusCancelled, task.StatusRunning,
}

var errSurvey = errors.New("unexpected reply of the survey script")

func parseSurvey(reply any) (broker.QueueSurvey, error) {
	values, _ := reply.([]any)
	if len(values) != 6 {
		return broker.QueueSurvey{}, fmt.Errorf("%w: %v", errSurvey, reply)
	}
	clock, isClock := values[0].(int64)
	late, isLate := values[1].(int64)
	paused, isPaused := values[2].(int64)
	counts, _ := values[3].([]any)
	dropped, isDropped := values[4].([]any)
	heads, isHeads := values[5].([]any)
	if !isClock || !isLate || !isPaused || len(counts) != len(surveyed) || !isDropped || !isHeads {
		return broker.QueueSurvey{}, fmt.Errorf("%w: %v", errSurvey, reply)
	}
	s := broker.QueueSurvey{Counts: make(map[task.Status]int)}
	for i, status := range surveyed {
		if n, _ := counts[i].(int64); n > 0 {
			s.Counts[status] = int(n)
		}
	}
	s.Paused, s.Dropped = paused == 1, parseDropped(dropped)
	s.Lag = max(time.Duration(late)*time.Millisecond, headLag(heads, time.UnixMilli(clock)))
	return s, nil
}

func parseDropped(pairs []any) map[task.Status]int {
	dropped := make(map[task.Status]int)
	for pair := range slices.Chunk(pairs, 2) {
		status, _ := pair[0].(string)
		count, _ := pair[len(pair)-1].(string)
		dropped[task.Status(status)], _ = strconv.Atoi(count)
	}
	return dropped
}

// headLag returns the longest that the first pending tasks wait. Malformed ones
// do not count: a server will set them aside.
func headLag(heads []any, now time.Time) (lag time.Duration) {
	for pair := range slices.Chunk(heads, 2) {
		id, _ := pair[0].(string)
		record, _ := pair[len(pair)-1].(string)
		known, err := decodeID(id)
		if err != nil {
			continue
		}
		if t, err := task.Decode(record, known); err == nil {
			lag = max(lag, broker.LagOf(t, now))
		}
	}
	return lag
}
