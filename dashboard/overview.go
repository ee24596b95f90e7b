package dashboard

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	maxQueues  = 50 // on one page
	maxWorkers = 8  // that ask the broker at once, for one page
)

// queueState is what is known of one queue.
type queueState struct {
	Name   string
	Counts map[task.Status]int
	broker.QueueInfo
	Columns  []column
	Enqueued int64 // in the time of the columns, as is the total
	Total    broker.Tally
	Spark    chart
}

// N is how many tasks have a status.
func (q *queueState) N(status string) int { return q.Counts[task.Status(status)] }

// Gone is how many ended tasks were dropped before their time.
func (q *queueState) Gone() (n int) {
	for _, dropped := range q.Dropped {
		n += dropped
	}
	return n
}

// each calls do for 0 to n-1, some at once, and returns the first error.
func each(n int, do func(i int) error) error {
	errs := make([]error, n)
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(n, maxWorkers) {
		workers.Go(func() {
			for i := range next {
				errs[i] = do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	return nil
}

// queueStates asks for several queues at once.
func (d *dashboard) queueStates(ctx context.Context, names []string, minutes int) ([]*queueState, error) {
	states := make([]*queueState, len(names))
	err := each(len(names), func(i int) (err error) {
		states[i], err = d.queueState(ctx, names[i], minutes)
		return err
	})
	return states, err
}

func (d *dashboard) queueState(ctx context.Context, name string, minutes int) (*queueState, error) {
	s := &queueState{Name: name}
	var err error
	if s.Counts, err = d.look.Counts(ctx, name); err != nil {
		return nil, err
	}
	if s.QueueInfo, err = d.look.Queue(ctx, name); err != nil {
		return nil, err
	}
	f, err := d.figures(ctx, name, minutes)
	if err != nil {
		return nil, err
	}
	s.Columns = columns(&f, minutes)
	for i := range s.Columns {
		s.Enqueued += s.Columns[i].enqueued
		s.Total.Add(&s.Columns[i].Tally)
	}
	s.Spark = spark(s.Columns)
	return s, nil
}

// figures are those of a queue, or none if the broker keeps none.
func (d *dashboard) figures(ctx context.Context, queue string, minutes int) (broker.Figures, error) {
	now := time.Now()
	if d.monitor == nil {
		return broker.Figures{Now: now, Step: time.Minute}, nil
	}
	// The broker's clock decides; what it is ahead of this one's is asked for as
	// well.
	return d.monitor.Figures(ctx, queue, now.Add(-time.Duration(minutes)*time.Minute), now.Add(time.Hour))
}

// board are the charts of one queue or of many.
type board struct {
	Minutes    int
	Known      bool // the broker keeps figures
	Page       string
	Queue      string
	Throughput chart
	Run, Wait  chart
	Total      broker.Tally
	Enqueued   int64
}

func (d *dashboard) board(page, queue string, states []*queueState, minutes int) board {
	b := board{Minutes: minutes, Known: d.monitor != nil, Page: page, Queue: queue}
	all := columns(&broker.Figures{Now: time.Now(), Step: time.Minute}, minutes)
	for i, s := range states {
		if i == 0 {
			all = slices.Clone(s.Columns)
		} else {
			addColumns(all, s.Columns)
		}
		b.Enqueued += s.Enqueued
		b.Total.Add(&s.Total)
	}
	b.Throughput = throughput(all, b.Enqueued, &b.Total)
	b.Run = latency("Run time", all, &b.Total.Run, func(c *column) *broker.Histogram { return &c.Run })
	b.Wait = latency("Wait until started", all, &b.Total.Wait, func(c *column) *broker.Histogram { return &c.Wait })
	return b
}

// addColumns adds others, which are of the same time but for what passed between
// two looks.
func addColumns(all, others []column) {
	step := all[0].last.Sub(all[0].at)
	for _, of := range others {
		i := int(of.at.Sub(all[0].at) / step)
		to := &all[max(0, min(i, len(all)-1))]
		to.enqueued += of.enqueued
		to.Add(&of.Tally)
	}
}

// overviewData is the first page.
type overviewData struct {
	Board   board
	Totals  map[task.Status]int
	Oldest  time.Duration
	Queues  []*queueState
	Known   int // queues there are
	From    int // the first of them that is shown
	Next    string
	Servers int // -1: unknown
	Overdue int // handlers of theirs
	Paused  int
}

// N is how many tasks have a status.
func (o *overviewData) N(status string) int { return o.Totals[task.Status(status)] }

func (d *dashboard) overview(ctx context.Context, q *params) (any, error) {
	minutes, from := q.minutes(), q.number("from", 0, 1_000_000, 0)
	if q.err != nil {
		return nil, nil
	}
	names, err := d.look.Queues(ctx)
	if err != nil {
		return nil, err
	}
	o := &overviewData{Totals: make(map[task.Status]int), Known: len(names), From: min(from, len(names))}
	end := min(o.From+maxQueues, len(names))
	if end < len(names) {
		o.Next = strconv.Itoa(end)
	}
	if o.Queues, err = d.queueStates(ctx, names[o.From:end], minutes); err != nil {
		return nil, err
	}
	for _, s := range o.Queues {
		for status, n := range s.Counts {
			o.Totals[status] += n
		}
		o.Oldest = max(o.Oldest, s.Oldest)
		if s.Paused {
			o.Paused++
		}
	}
	o.Board = d.board("", "", o.Queues, minutes)
	o.Servers, o.Overdue, err = d.countServers(ctx)
	return o, err
}

// queueData is the page of one queue.
type queueData struct {
	*queueState
	Board board
	Names []nameFigures
}

// nameFigures is what was done of one name.
type nameFigures struct {
	Name string
	*broker.Tally
}

func (d *dashboard) queue(ctx context.Context, q *params) (any, error) {
	name, minutes := q.queue(), q.minutes()
	if q.err != nil {
		return nil, nil
	}
	s, err := d.queueState(ctx, name, minutes)
	if err != nil {
		return nil, err
	}
	data := &queueData{queueState: s, Board: d.board("queue", name, []*queueState{s}, minutes)}
	data.Names, err = d.names(ctx, s)
	return data, err
}

// names are the figures of a queue by the names of tasks, the busiest first.
func (d *dashboard) names(ctx context.Context, s *queueState) ([]nameFigures, error) {
	if d.monitor == nil {
		return nil, nil
	}
	// From where the charts begin, so that they add up to the same.
	byName, err := d.monitor.FiguresByName(ctx, s.Name, s.Columns[0].at, time.Now().Add(time.Hour))
	all := make([]nameFigures, 0, len(byName))
	for name, tally := range byName {
		all = append(all, nameFigures{name, tally})
	}
	slices.SortFunc(all, func(a, b nameFigures) int {
		return int(b.Run.Sum/time.Microsecond - a.Run.Sum/time.Microsecond)
	})
	return all[:min(len(all), 100)], err
}
