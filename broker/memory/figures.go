package memory

import (
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
)

// figures are those of one queue: for each of broker.Resolutions its periods, by
// number.
type figures [2]map[int64]*period

type period struct {
	enqueued int64
	total    compact
	names    map[string]*compact // of tasks
}

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
	for name, t := range tallies {
		b.addFigures(queue, now, func(p *period) { p.add(name, &t) })
	}
	return nil
}

// countArrivals takes what was enqueued into the figures of now.
func (b *Broker) countArrivals(q *queue, now time.Time) {
	if q == nil || q.arrived == 0 {
		return
	}
	b.addFigures(q.name, now, func(p *period) { p.enqueued += q.arrived })
	q.arrived = 0
}

// addFigures has something added to the period of now, in each resolution.
func (b *Broker) addFigures(queue string, now time.Time, add func(*period)) {
	all := b.figures[queue]
	if all == nil {
		all = &figures{}
		b.figures[queue] = all
	}
	for i, r := range broker.Resolutions() {
		if all[i] == nil {
			all[i] = make(map[int64]*period)
		}
		n := r.Number(now)
		if all[i][n] == nil {
			all[i][n] = &period{names: make(map[string]*compact)}
		}
		add(all[i][n])
	}
}

func (p *period) add(name string, t *broker.Tally) {
	p.total.add(t)
	if p.names[name] == nil && len(p.names) >= broker.MaxNamesKept {
		name = ""
	}
	if p.names[name] == nil {
		p.names[name] = &compact{}
	}
	p.names[name].add(t)
}

// tidyFigures lets go of what is too old, once a minute.
func (b *Broker) tidyFigures(now time.Time) {
	minute := now.Unix() / 60
	if b.tidied == minute {
		return
	}
	b.tidied = minute
	for queue, all := range b.figures {
		left := 0
		for i, r := range broker.Resolutions() {
			first := r.Number(now.Add(-r.Kept))
			maps.DeleteFunc(all[i], func(n int64, _ *period) bool { return n < first })
			left += len(all[i])
		}
		if left == 0 {
			delete(b.figures, queue)
		}
	}
}

// Figures implements broker.Monitor.
func (b *Broker) Figures(_ context.Context, queue string, from, to time.Time) (broker.Figures, error) {
	var f broker.Figures
	now, err := b.lookBack(queue, func(now time.Time, all *figures) {
		s := broker.FiguresSpan(from, to, now)
		f.Step = s.Step
		for n, p := range all.in(s) {
			f.Add(&broker.Period{At: s.Begin(n), Enqueued: p.enqueued, Tally: *p.total.tally()})
		}
	})
	f.Now = now.Round(0)
	return f, err
}

// FiguresByName implements broker.Monitor.
func (b *Broker) FiguresByName(_ context.Context, queue string, from, to time.Time) (map[string]*broker.Tally, error) {
	names := make(map[string]*broker.Tally)
	_, err := b.lookBack(queue, func(now time.Time, all *figures) {
		for _, p := range all.in(broker.FiguresSpan(from, to, now)) {
			p.addTo(names)
		}
	})
	return names, err
}

// lookBack shows the figures of a queue up to now.
func (b *Broker) lookBack(queue string, look func(now time.Time, all *figures)) (time.Time, error) {
	if err := broker.CheckQueue("Queue", queue); err != nil {
		return time.Time{}, err
	}
	now, err := b.enter(context.Background())
	if err != nil {
		return time.Time{}, err
	}
	defer b.exit(now, 0)
	b.countArrivals(b.queues[queue], now)
	all := b.figures[queue]
	if all == nil {
		all = &figures{}
	}
	look(now, all)
	return now, nil
}

// in yields the periods of a span, in order.
func (f *figures) in(s broker.Span) iter.Seq2[int64, *period] {
	all := f[slices.Index(broker.Resolutions(), s.Resolution)]
	return func(yield func(int64, *period) bool) {
		for n := s.First; n < s.End; n++ {
			if p := all[n]; p != nil && !yield(n, p) {
				return
			}
		}
	}
}

func (p *period) addTo(names map[string]*broker.Tally) {
	for name, c := range p.names {
		if names[name] == nil {
			names[name] = &broker.Tally{}
		}
		names[name].Add(c.tally())
	}
}
