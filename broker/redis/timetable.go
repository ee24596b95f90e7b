package redis

import (
	"context"
	"errors"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
)

var errTickReply = errors.New("unexpected reply of a schedule script")

// Join implements broker.Timetable.
func (b *Broker) Join(ctx context.Context, queue, schedule string) (broker.ScheduleState, error) {
	var state broker.ScheduleState
	if err := b.readyFor(ctx, queue, schedule); err != nil {
		return state, err
	}
	calls := []scriptCall{{[]string{b.keys(queue).schedules()}, []any{schedule}}}
	cmd := joinScript.runAll(ctx, b.client, calls, b.registry.name(ctx, b, []string{queue}))[0]
	if cmd.Err() != nil {
		return state, wrap("join a schedule in redis", cmd.Err())
	}
	numbers, err := integers(cmd.Val(), 3)
	if err != nil {
		return state, err
	}
	state.Now, state.Anchor = time.UnixMilli(numbers[0]), time.UnixMilli(numbers[1])
	if numbers[2] > 0 {
		state.Last = time.UnixMilli(numbers[2])
	}
	return state, nil
}

// Tick implements broker.Timetable.
func (b *Broker) Tick(ctx context.Context, tick broker.Tick) (broker.Ticked, error) {
	if err := tick.Check(); err != nil {
		return broker.Ticked{}, err
	}
	queue := tick.Task.Queue
	if err := b.readyFor(ctx, queue, tick.Schedule); err != nil {
		return broker.Ticked{}, err
	}
	calls := []scriptCall{{b.keys(queue).tick(b.instance + ":t"), b.tickArgs(tick)}}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	cmd := tickScript.runAll(ctx, b.client, calls, b.registry.name(ctx, b, []string{queue}))[0]
	if cmd.Err() != nil {
		return broker.Ticked{}, wrap("tick in redis", cmd.Err())
	}
	ticked, err := parseTicked(cmd.Val())
	if ticked.Enqueued {
		tick.Task.Status = statusOf(tick.Task)
	}
	return ticked, err
}

func (b *Broker) tickArgs(tick broker.Tick) []any {
	overlap := 0
	if tick.NoOverlap {
		overlap = 1
		if tick.IgnoreDelayed {
			overlap = 2
		}
	}
	args := []any{b.ticks.next(), replyMemory.Milliseconds(), tick.Schedule, tick.At.UnixMilli(), overlap}
	it := newTaskItem(tick.Task)
	args = append(args, it.args...)
	if it.also == nil {
		return append(args, "", "", 0)
	}
	return append(args, it.also[:3]...)
}

// parseTicked reads what the script replies: two numbers, and an id or nothing.
func parseTicked(reply any) (broker.Ticked, error) {
	values, ok := reply.([]any)
	if !ok || len(values) != 3 {
		return broker.Ticked{}, errTickReply
	}
	numbers, err := integers(values[:2], 2)
	if err != nil {
		return broker.Ticked{}, err
	}
	ticked := broker.Ticked{Enqueued: numbers[0] == 1, Now: time.UnixMilli(numbers[1])}
	if behind, _ := values[2].(string); behind != "" {
		ticked.Behind, err = decodeID(behind)
	}
	return ticked, err
}

// Leave implements broker.Timetable.
func (b *Broker) Leave(ctx context.Context, queue, schedule string) error {
	if err := b.readyFor(ctx, queue, schedule); err != nil {
		return err
	}
	k := b.keys(queue)
	_, err := b.client.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		p.HDel(ctx, k.plans(), schedule)
		p.SRem(ctx, k.halted(), schedule)
		p.HDel(ctx, k.schedules(), schedule)
		return nil
	})
	if err == nil {
		err = b.unnameIdle(ctx, queue)
	}
	return wrap("leave a schedule in redis", err)
}

// unnameIdle takes the name of a queue away that had nothing but a schedule.
func (b *Broker) unnameIdle(ctx context.Context, queue string) error {
	d := doctor{Broker: b}
	kind, err := d.naming(ctx, queue)
	if err != nil || kind != KindNoQueue {
		return err
	}
	b.registry.forget(queue)
	return d.unname(ctx, queue)
}

func (b *Broker) readyFor(ctx context.Context, queue, schedule string) error {
	if err := broker.CheckQueue("Queue", queue); err != nil {
		return err
	}
	if err := broker.CheckName("Schedule", schedule); err != nil {
		return err
	}
	return b.ready(ctx)
}

func integers(reply any, n int) ([]int64, error) {
	values, ok := reply.([]any)
	if !ok || len(values) != n {
		return nil, errTickReply
	}
	numbers := make([]int64, n)
	for i, value := range values {
		if numbers[i], ok = value.(int64); !ok {
			return nil, errTickReply
		}
	}
	return numbers, nil
}
