package memory

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// minutes are the figures of one queue, by minutes since 1970.
type minutes map[int64]*minute

type minute struct {
	enqueued int64
	names    map[string]*compact // of tasks
}

// maxNamesOfMinute bounds the names of one minute: what has others counts under
// "".
const maxNamesOfMinute = 200

// Record implements broker.Monitor. Figures do not survive the process.
func (b *Broker) Record(_ context.Context, queue string, tallies map[string]broker.Tally) error {
	if err := broker.CheckTallies(queue, tallies); err != nil {
		return err
	}
	now, err := b.enter(context.Background())
	if err != nil {
		return err
	}
	defer b.exit(now, 0)
	b.tidyFigures(now)
	b.countArrivals(b.queues[queue], now)
	if len(tallies) > 0 {
		addTallies(b.minute(queue, now).names, tallies)
	}
	return nil
}

// countArrivals takes what was enqueued into the figures of this minute.
func (b *Broker) countArrivals(q *queue, now time.Time) {
	if q != nil && q.arrived > 0 {
		b.minute(q.name, now).enqueued += q.arrived
		q.arrived = 0
	}
}

// minute returns the figures of this one.
func (b *Broker) minute(queue string, now time.Time) *minute {
	all := b.figures[queue]
	if all == nil {
		all = make(minutes)
		b.figures[queue] = all
	}
	at := now.Unix() / 60
	if all[at] == nil {
		all[at] = &minute{names: make(map[string]*compact)}
	}
	return all[at]
}

func addTallies(names map[string]*compact, tallies map[string]broker.Tally) {
	for name, t := range tallies {
		if names[name] == nil && len(names) >= maxNamesOfMinute {
			name = ""
		}
		if names[name] == nil {
			names[name] = &compact{}
		}
		names[name].add(&t)
	}
}

// tidyFigures lets go of what is too old, once a minute.
func (b *Broker) tidyFigures(now time.Time) {
	first := now.Add(-broker.FiguresKept).Unix() / 60
	if b.tidied == first {
		return
	}
	b.tidied = first
	for queue, all := range b.figures {
		maps.DeleteFunc(all, func(at int64, _ *minute) bool { return at < first })
		if len(all) == 0 {
			delete(b.figures, queue)
		}
	}
}

// Figures implements broker.Monitor.
func (b *Broker) Figures(_ context.Context, queue string, from, to time.Time) (broker.Figures, error) {
	if err := task.CheckQueue("Queue", queue); err != nil {
		return broker.Figures{}, err
	}
	now, err := b.enter(context.Background())
	if err != nil {
		return broker.Figures{}, err
	}
	defer b.exit(now, 0)
	b.tidyFigures(now)
	f := broker.Figures{Now: now.Round(0)}
	first, end := broker.FiguresRange(from, to, now)
	b.countArrivals(b.queues[queue], now)
	all := b.figures[queue]
	for _, at := range slices.Sorted(maps.Keys(all)) {
		if at >= first && at < end {
			f.AddMinute(time.Unix(at*60, 0), all[at].enqueued, unpacked(all[at].names))
		}
	}
	return f, nil
}

func unpacked(names map[string]*compact) map[string]*broker.Tally {
	tallies := make(map[string]*broker.Tally, len(names))
	for name, c := range names {
		tallies[name] = c.tally()
	}
	return tallies
}
