package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

// bench measures rows on one server.
type bench struct {
	opts     options
	mode     string
	redis    *redisServer
	results  *results
	progress io.Writer
}

// row is one line of work, measured on each of its sides.
type row struct {
	letter  string
	title   string
	sides   []side
	measure func(ctx context.Context, t *trial) error
}

// rows returns every row, in the order of their letters.
func rows() []row {
	return slices.Concat(
		enqueueRows, processRows, streamRows, pickupRows, memoryRows, costRows, backlogRows,
		queueRows, featureCostRows, idleRows, distantRows, inProcessRows,
	)
}

func describeRows() string {
	var text strings.Builder
	for _, r := range rows() {
		fmt.Fprintf(&text, "  %s  %s\n", r.letter, r.title)
	}
	return text.String()
}

// measure takes turns: each side once, then each side again.
func (b *bench) measure(ctx context.Context, r row) error {
	for turn := range b.opts.turns {
		for _, s := range b.sidesOf(r) {
			if err := b.try(ctx, r, s, turn); err != nil {
				return fmt.Errorf("turn %d of %s: %w", turn+1, s.name, err)
			}
		}
	}
	return nil
}

func (b *bench) sidesOf(r row) []side {
	if len(b.opts.sides) == 0 {
		return r.sides
	}
	return slices.DeleteFunc(slices.Clone(r.sides), func(s side) bool { return !slices.Contains(b.opts.sides, s.name) })
}

func (b *bench) try(ctx context.Context, r row, s side, turn int) error {
	return r.measure(ctx, &trial{bench: b, row: r, side: s, turn: turn})
}

// trial is one turn of one side of a row.
type trial struct {
	*bench
	row  row
	side side
	turn int
}

// record takes what was measured.
func (t *trial) record(name, unit string, value float64) {
	t.results.add(metric{t.mode, t.row.letter, name, unit}, t.side.name, value)
	fmt.Fprintf(t.progress, "%s %d %-7s %-48s %10.4g %s\n", t.row.letter, t.turn+1, t.side.name, name, value, unit)
}

// fresh calls measure with a library on an empty server, and the garbage of
// what was before collected.
func (t *trial) fresh(ctx context.Context, measure func(lib library) error) error {
	if err := t.redis.empty(ctx); err != nil {
		return err
	}
	lib, err := t.side.open(t.redis.addr)
	if err != nil {
		return err
	}
	runtime.GC()
	return errors.Join(measure(lib), lib.close())
}

// payloads makes the payloads of this turn.
func (t *trial) payloads(size int) payloads {
	return newPayloads(size, t.opts.seed+uint64(t.turn))
}

// preload enqueues jobs in bulk.
func (t *trial) preload(ctx context.Context, lib library, jobs int, queues []string) error {
	_, err := loading{jobs: jobs, queues: queues, payloads: t.payloads(payloadSize)}.bulk(t.side).into(ctx, lib)
	return err
}

// process runs what is enqueued, until the check has what it wants.
func (t *trial) process(ctx context.Context, lib library, c *check, o serving) error {
	stop, err := lib.serve(o, c.handle)
	if err != nil {
		return err
	}
	return errors.Join(c.wait(ctx), stop())
}

// measureProcessing records how fast the library processes what is enqueued,
// and tells what limits it.
func (t *trial) measureProcessing(ctx context.Context, name string, lib library, c *check, o serving) error {
	var stop func() error
	var used spent
	err := t.profile(name, func() (err error) {
		used, err = t.during(ctx, func() (err error) {
			if stop, err = lib.serve(o, c.handle); err != nil {
				return err
			}
			return c.wait(ctx)
		})
		return err
	})
	if stop != nil {
		err = errors.Join(err, stop())
	}
	if err != nil {
		return err
	}
	t.record(name, perSecond, c.rate())
	t.explain(name, int(c.want.Load()), used)
	return nil
}

// drain runs what is enqueued, and checks that each job runs once.
func (t *trial) drain(ctx context.Context, lib library, jobs int) error {
	c := newCheck(jobs, jobs)
	if err := t.process(ctx, lib, c, serving{concurrency: 100}); err != nil {
		return err
	}
	return t.ranOnce(ctx, lib, c, jobs)
}

// ranOnce checks that each of the jobs has run once, and that the library has
// settled all of them.
func (t *trial) ranOnce(ctx context.Context, lib library, c *check, jobs int) error {
	return errors.Join(c.each(jobs, 1), t.nothingLeft(ctx, lib))
}

func (t *trial) nothingLeft(ctx context.Context, lib library) error {
	left, err := lib.left(ctx)
	if err == nil && left > 0 {
		err = fmt.Errorf("%d jobs have run but are not settled", left)
	}
	return err
}

// profile calls measure, with a CPU profile of this process if one is wanted.
func (t *trial) profile(name string, measure func() error) error {
	if t.opts.profile == "" {
		return measure()
	}
	name = strings.NewReplacer(" ", "-", ",", "").Replace(fmt.Sprintf("%s %s %s %d.pprof", t.row.letter, name, t.side.name, t.turn+1))
	file, err := os.Create(filepath.Join(t.opts.profile, name))
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return errors.Join(err, file.Close())
	}
	err = measure()
	pprof.StopCPUProfile()
	return errors.Join(err, file.Close())
}

// pause waits, or returns early with the context's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
