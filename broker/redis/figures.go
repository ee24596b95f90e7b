package redis

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
)

const (
	// namesAtOnce is how many names one call adds: some two milliseconds' worth
	// if their times are spread over all buckets.
	namesAtOnce = 5
	// hashesAtOnce is how many hashes of names are read in one round trip.
	hashesAtOnce = 30
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
	names := slices.Collect(maps.Keys(tallies))
	for { // once without any, too: it counts what was enqueued
		some := names[:min(len(names), namesAtOnce)]
		if err := b.recordSome(ctx, b.keys(queue), figureArgs(tallies, some)); err != nil {
			return err
		}
		if names = names[len(some):]; len(names) == 0 {
			return nil
		}
	}
}

// recordSome makes a call with the minute that the server's clock should have,
// and again if it had not.
func (b *Broker) recordSome(ctx context.Context, k keys, figures []any) error {
	call := b.recorder.calls.next()
	for range maxRecords {
		at := time.Now().Add(b.recorder.ahead)
		minute := at.Unix() / 60
		args := []any{call, replyMemory.Milliseconds(), minute}
		for _, r := range broker.Resolutions() {
			// A period is kept from when it was last added to.
			args = append(args, (r.Kept + 2*r.Step).Milliseconds())
		}
		args = append(append(args, broker.MaxNamesKept), figures...)
		reply, err := recordScript.run(ctx, b.client, k.record(at, b.instance+":f"), args...)
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

// figureArgs are the arguments of the record script that say what to add of some
// names, and first of all of them.
func figureArgs(tallies map[string]broker.Tally, names []string) []any {
	var total broker.Tally
	args := []any{""}
	for _, name := range names {
		t := tallies[name]
		total.Add(&t)
		args = append(args, name, figureText(&t))
	}
	args[0] = figureText(&total)
	return args
}

// figureText writes a tally as the record script adds it.
func figureText(t *broker.Tally) string {
	var text []byte
	add := func(what string, n int64) {
		if n == 0 {
			return
		}
		if len(text) > 0 {
			text = append(text, ' ')
		}
		text = append(append(text, what...), '=')
		text = strconv.AppendInt(text, n, 10)
	}
	add("completed", t.Completed)
	add("failed", t.Failed)
	add("retried", t.Retried)
	histogram := func(letter string, h *broker.Histogram) {
		for i, n := range h.Counts {
			add(letter+strconv.Itoa(i), n)
		}
		add(letter+"sum", h.Sum.Microseconds())
	}
	histogram("w", &t.Wait)
	histogram("r", &t.Run)
	return string(text)
}

// Figures implements broker.Monitor.
func (b *Broker) Figures(ctx context.Context, queue string, from, to time.Time) (broker.Figures, error) {
	s, now, err := b.span(ctx, queue, from, to)
	f := broker.Figures{Now: now, Step: s.Step}
	if err != nil || s.First == s.End {
		return f, err
	}
	k, figures := b.keys(queue), make([]string, 0, s.End-s.First)
	for n := s.First; n < s.End; n++ {
		figures = append(figures, k.figures(s.Step, n))
	}
	var found *goredis.SliceCmd
	var arrivals *goredis.StringCmd // that nobody has recorded; they are of now
	_, err = b.client.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		found, arrivals = p.MGet(ctx, figures...), p.Get(ctx, k.arrivals())
		return nil
	})
	if err != nil && !errors.Is(err, goredis.Nil) {
		return f, wrap("read figures in redis", err)
	}
	for i, text := range found.Val() {
		n := s.First + int64(i)
		p := broker.Period{At: s.Begin(n)}
		text, _ := text.(string)
		p.Enqueued = addFigures(&p.Tally, text)
		if n == s.Number(now) {
			unrecorded, _ := arrivals.Int64()
			p.Enqueued += unrecorded
		}
		f.Add(&p)
	}
	return f, nil
}

// FiguresByName implements broker.Monitor.
func (b *Broker) FiguresByName(ctx context.Context, queue string, from, to time.Time) (map[string]*broker.Tally, error) {
	s, _, err := b.span(ctx, queue, from, to)
	names := make(map[string]*broker.Tally)
	for ; s.First < s.End && err == nil; s.First += hashesAtOnce {
		err = b.addNames(ctx, names, b.keys(queue), s)
	}
	return names, wrap("read figures in redis", err)
}

// addNames adds the names of the first periods of a span.
func (b *Broker) addNames(ctx context.Context, names map[string]*broker.Tally, k keys, s broker.Span) error {
	var found []*goredis.MapStringStringCmd
	_, err := b.client.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for n := s.First; n < min(s.First+hashesAtOnce, s.End); n++ {
			found = append(found, p.HGetAll(ctx, k.names(s.Step, n)))
		}
		return nil
	})
	for _, period := range found {
		for name, text := range period.Val() {
			if names[name] == nil {
				names[name] = &broker.Tally{}
			}
			addFigures(names[name], text)
		}
	}
	return err
}

// span returns the periods to read, and the time of the server.
func (b *Broker) span(ctx context.Context, queue string, from, to time.Time) (broker.Span, time.Time, error) {
	if err := b.readyToInspect(ctx, queue); err != nil {
		return broker.Span{}, time.Time{}, err
	}
	now, err := b.client.Time(ctx).Result()
	if err != nil {
		return broker.Span{}, now, wrap("read the time of redis", err)
	}
	return broker.FiguresSpan(from, to, now), now, nil
}

// addFigures reads what the record script wrote, and returns what was enqueued.
// What it does not know it passes over.
func addFigures(t *broker.Tally, text string) (enqueued int64) {
	for part := range strings.SplitSeq(text, " ") {
		what, number, _ := strings.Cut(part, "=")
		n, err := strconv.ParseInt(number, 10, 64)
		switch {
		case err != nil:
		case what == "enqueued":
			enqueued += n
		default:
			addFigure(t, what, n)
		}
	}
	return enqueued
}

func addFigure(t *broker.Tally, what string, n int64) {
	switch {
	case what == "completed":
		t.Completed += n
	case what == "failed":
		t.Failed += n
	case what == "retried":
		t.Retried += n
	case strings.HasPrefix(what, "w"):
		addTimes(&t.Wait, what[1:], n)
	case strings.HasPrefix(what, "r"):
		addTimes(&t.Run, what[1:], n)
	}
}

func addTimes(h *broker.Histogram, what string, n int64) {
	if what == "sum" {
		h.Sum += time.Duration(n) * time.Microsecond
	} else if i, err := strconv.Atoi(what); err == nil && i >= 0 && i < broker.Buckets {
		h.Counts[i] += n
	}
}
