package redis

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/task"
)

// planRecord is a plan as it is stored.
type planRecord struct {
	Spec     string `json:"spec"`
	Location string `json:"location,omitempty"`
	Missed   string `json:"missed,omitempty"`
	Overlap  string `json:"overlap,omitempty"`
	Task     []byte `json:"task"` // its record, without an id
	Set      string `json:"set,omitempty"`
	Since    int64  `json:"since,omitempty"` // ms since 1970
}

func encodePlan(plan broker.Plan) ([]byte, error) {
	sample := *plan.Task
	sample.ID = uuid.Nil
	text := record.Encode(&sample)
	return json.Marshal(planRecord{plan.Spec, plan.Location, plan.Missed, plan.Overlap, text, plan.Set, millis(plan.Since)})
}

// decodePlan returns a zero plan for what cannot be read.
func decodePlan(text string) broker.Plan {
	var p planRecord
	if json.Unmarshal([]byte(text), &p) != nil {
		return broker.Plan{}
	}
	t, err := record.Decode(p.Task, uuid.NameSpaceOID)
	if err != nil {
		return broker.Plan{}
	}
	t.ID = uuid.Nil
	plan := broker.Plan{Spec: p.Spec, Location: p.Location, Missed: p.Missed, Overlap: p.Overlap, Task: t, Set: p.Set}
	if p.Since > 0 {
		plan.Since = time.UnixMilli(p.Since)
	}
	return plan
}

// Plan implements broker.Planner.
func (b *Broker) Plan(ctx context.Context, queue, schedule string, plan broker.Plan) error {
	if err := plan.Check(); err != nil {
		return err
	}
	text, err := encodePlan(plan)
	if err != nil {
		return err
	}
	err = b.plan(ctx, queue, schedule, "plan", string(text))
	if errors.Is(err, task.ErrNotFound) {
		return nil
	}
	return err
}

// PauseSchedule implements broker.Planner.
func (b *Broker) PauseSchedule(ctx context.Context, queue, schedule string) error {
	return b.plan(ctx, queue, schedule, "pause", "")
}

// ResumeSchedule implements broker.Planner.
func (b *Broker) ResumeSchedule(ctx context.Context, queue, schedule string) error {
	return b.plan(ctx, queue, schedule, "resume", "")
}

// Forget implements broker.Planner.
func (b *Broker) Forget(ctx context.Context, queue, schedule string, last time.Time) (bool, error) {
	err := b.plan(ctx, queue, schedule, "forget", strconv.FormatInt(millis(last), 10))
	if errors.Is(err, task.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, wrap("forget a schedule in redis", b.unnameIdle(ctx, queue))
}

func (b *Broker) plan(ctx context.Context, queue, schedule, operation, text string) error {
	if err := b.readyFor(ctx, queue, schedule); err != nil {
		return err
	}
	done, err := planScript.run(ctx, b.client, b.keys(queue).plan(), schedule, operation, text)
	if err == nil && done == int64(0) {
		return task.ErrNotFound
	}
	return wrap(operation+" a schedule in redis", err)
}

// Schedules implements broker.Planner.
func (b *Broker) Schedules(ctx context.Context, queue, cursor string, limit int) ([]broker.ScheduleInfo, string, error) {
	err := broker.CheckPage(limit)
	if err == nil {
		err = b.readyToInspect(ctx, queue)
	}
	if err != nil {
		return nil, "", err
	}
	at, err := parseScanCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	position, _ := strconv.ParseUint(at, 10, 64) // parseScanCursor has checked it
	flat, next, err := b.client.HScan(ctx, b.keys(queue).schedules(), position, "", int64(limit)).Result()
	if err != nil {
		return nil, "", wrap("list schedules in redis", err)
	}
	found, err := b.scheduleInfos(ctx, queue, flat)
	return found, nextScan(strconv.FormatUint(next, 10)), err
}

// scheduleInfos returns what is known of schedules, given their names and states
// by turns. One that cannot be read is left out: Examine finds it.
func (b *Broker) scheduleInfos(ctx context.Context, queue string, flat []string) ([]broker.ScheduleInfo, error) {
	var names []string
	for i := 0; i+1 < len(flat); i += 2 {
		names = append(names, flat[i])
	}
	if len(names) == 0 {
		return nil, nil
	}
	k := b.keys(queue)
	var plans *goredis.SliceCmd
	var halted *goredis.BoolSliceCmd
	_, err := b.client.Pipelined(ctx, func(p goredis.Pipeliner) error {
		members := make([]any, len(names))
		for i, name := range names {
			members[i] = name
		}
		plans, halted = p.HMGet(ctx, k.plans(), names...), p.SMIsMember(ctx, k.halted(), members...)
		return nil
	})
	if err != nil {
		return nil, wrap("list schedules in redis", err)
	}
	now, err := b.client.Time(ctx).Result()
	if err != nil {
		return nil, wrap("read the time of redis", err)
	}
	var found []broker.ScheduleInfo
	for i, name := range names {
		state := flat[2*i+1]
		if !goodSchedule(state) {
			continue
		}
		info := broker.ScheduleInfo{Queue: queue, Name: name, ScheduleState: parseSchedule(state), Paused: halted.Val()[i]}
		info.Now = now
		info.LastTask, _ = decodeID(state[strings.LastIndexByte(state, '|')+1:]) // goodSchedule has checked it
		if text, ok := plans.Val()[i].(string); ok {
			info.Plan = decodePlan(text)
		}
		found = append(found, info)
	}
	return found, nil
}

// parseSchedule reads "anchor|last|id".
func parseSchedule(state string) broker.ScheduleState {
	fields := strings.Split(state, "|")
	s := broker.ScheduleState{Anchor: parseMillis(fields[0])}
	if last := parseMillis(fields[1]); last.After(time.UnixMilli(0)) {
		s.Last = last
	}
	return s
}

// Schedule implements broker.Planner.
func (b *Broker) Schedule(ctx context.Context, queue, schedule string) (broker.ScheduleInfo, error) {
	var none broker.ScheduleInfo
	if err := b.readyFor(ctx, queue, schedule); err != nil {
		return none, err
	}
	state, err := b.client.HGet(ctx, b.keys(queue).schedules(), schedule).Result()
	if errors.Is(err, goredis.Nil) {
		return none, task.ErrNotFound
	}
	if err != nil {
		return none, wrap("find a schedule in redis", err)
	}
	found, err := b.scheduleInfos(ctx, queue, []string{schedule, state})
	if err == nil && len(found) == 0 {
		err = task.ErrNotFound
	}
	if err != nil {
		return none, err
	}
	return found[0], nil
}
