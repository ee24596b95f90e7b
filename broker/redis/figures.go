package redis

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
)

const (
	// figureFields bounds the fields of one minute: what has more names counts
	// under "".
	figureFields = 10_000
	// numbersAtOnce is how many one call adds: some two milliseconds' worth.
	numbersAtOnce = 1000
	// minutesAtOnce is how many minutes are read in one round trip.
	minutesAtOnce = 60
	// maxRecords is how often figures are sent again because their minute was
	// over, or the clocks were apart.
	maxRecords = 4
)

// recorder sends the figures of this process, one call after the other, so that
// a repeat is told by its number.
type recorder struct {
	mu    sync.Mutex
	calls counter
	ahead time.Duration // of the server's clock
}

// Record implements broker.Monitor.
func (b *Broker) Record(ctx context.Context, queue string, tallies map[string]broker.Tally) error {
	if err := broker.CheckTallies(queue, tallies); err != nil {
		return err
	}
	if err := b.ready(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	b.recorder.mu.Lock()
	defer b.recorder.mu.Unlock()
	numbers := figureArgs(tallies)
	for { // once without any, too: it counts what was enqueued
		some := numbers[:min(len(numbers), 3*numbersAtOnce)]
		if err := b.recordSome(ctx, b.keys(queue), some); err != nil {
			return err
		}
		if numbers = numbers[len(some):]; len(numbers) == 0 {
			return nil
		}
	}
}

// recordSome makes a call with the minute that the server's clock should have,
// and again if it had not.
func (b *Broker) recordSome(ctx context.Context, k keys, numbers []any) error {
	call := b.recorder.calls.next()
	for range maxRecords {
		minute := time.Now().Add(b.recorder.ahead).Unix() / 60
		args := append([]any{call, replyMemory.Milliseconds(), minute, broker.FiguresKept.Milliseconds(), figureFields}, numbers...)
		reply, err := recordScript.run(ctx, b.client, k.record(minute, b.instance+":f"), args...)
		if err != nil {
			return wrap("record figures in redis", err)
		}
		ms, _ := reply.(int64)
		b.recorder.ahead = time.Until(time.UnixMilli(ms))
		if ms/60_000 == minute {
			return nil
		}
	}
	return errors.New("record figures in redis: its clock does not keep still")
}

// figureArgs are the numbers of the record script.
func figureArgs(tallies map[string]broker.Tally) []any {
	var args []any
	for name, t := range tallies {
		add := func(what string, n int64) {
			if n != 0 {
				args = append(args, what, name, n)
			}
		}
		add("completed", t.Completed)
		add("failed", t.Failed)
		add("retried", t.Retried)
		for letter, h := range map[string]*broker.Histogram{"w": &t.Wait, "r": &t.Run} {
			for i, n := range h.Counts {
				add(letter+strconv.Itoa(i), n)
			}
			add(letter+"sum", h.Sum.Microseconds())
		}
	}
	return args
}

// Figures implements broker.Monitor.
func (b *Broker) Figures(ctx context.Context, queue string, from, to time.Time) (broker.Figures, error) {
	var f broker.Figures
	if err := b.readyToInspect(ctx, queue); err != nil {
		return f, err
	}
	now, err := b.client.Time(ctx).Result()
	if err != nil {
		return f, wrap("read the time of redis", err)
	}
	f.Now = now
	first, end := broker.FiguresRange(from, to, now)
	for ; first < end && err == nil; first += minutesAtOnce {
		err = b.addMinutes(ctx, &f, queue, first, min(first+minutesAtOnce, end))
	}
	return f, wrap("read figures in redis", err)
}

func (b *Broker) addMinutes(ctx context.Context, f *broker.Figures, queue string, first, end int64) error {
	k := b.keys(queue)
	var cmds []*goredis.MapStringStringCmd
	var arrivals *goredis.StringCmd // that nobody has recorded; they are of this minute
	_, err := b.client.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		for minute := first; minute < end; minute++ {
			cmds = append(cmds, p.HGetAll(ctx, k.figures(minute)))
		}
		arrivals = p.Get(ctx, k.arrivals())
		return nil
	})
	if err != nil && !errors.Is(err, goredis.Nil) {
		return err
	}
	for i, cmd := range cmds {
		minute := first + int64(i)
		enqueued, names := parseFigures(cmd.Val())
		if minute == f.Now.Unix()/60 {
			unrecorded, _ := arrivals.Int64()
			enqueued += unrecorded
		}
		f.AddMinute(time.Unix(minute*60, 0), enqueued, names)
	}
	return nil
}

// parseFigures reads the fields of one minute. What it does not know it passes
// over.
func parseFigures(fields map[string]string) (enqueued int64, names map[string]*broker.Tally) {
	names = make(map[string]*broker.Tally)
	for field, value := range fields {
		what, name, ok := strings.Cut(field, ":")
		n, err := strconv.ParseInt(value, 10, 64)
		if !ok || err != nil {
			continue
		}
		if what == "enqueued" {
			enqueued += n
			continue
		}
		t := names[name]
		if t == nil {
			t = &broker.Tally{}
			names[name] = t
		}
		addFigure(t, what, n)
	}
	return enqueued, names
}

func addFigure(t *broker.Tally, what string, n int64) {
	switch what {
	case "completed":
		t.Completed += n
		return
	case "failed":
		t.Failed += n
		return
	case "retried":
		t.Retried += n
		return
	case "":
		return
	}
	h := &t.Run
	if what[0] == 'w' {
		h = &t.Wait
	}
	if what[1:] == "sum" {
		h.Sum += time.Duration(n) * time.Microsecond
	} else if i, err := strconv.Atoi(what[1:]); err == nil && i >= 0 && i < broker.Buckets {
		h.Counts[i] += n
	}
}
