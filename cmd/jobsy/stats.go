package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// trend is how many samples a sparkline has.
const trend = 30

// statsView is what stats prints for programs.
type statsView struct {
	At     time.Time      `json:"at"`
	Queues []queueStats   `json:"queues"`
	Next   string         `json:"next"`   // for --after; "": there are no more
	Counts map[string]int `json:"counts"` // of the listed queues together
}

// queueStats is a queue and what its servers did in the last minutes.
type queueStats struct {
	queueView
	Minutes   int   `json:"minutes"` // of the figures that follow
	Enqueued  int64 `json:"enqueued"`
	Completed int64 `json:"completed"`
	Failed    int64 `json:"failed"`
	Retried   int64 `json:"retried"`
	Wait      spans `json:"wait"`
	Run       spans `json:"run"`

	came, done []int64 // by the minute
}

// spans are percentiles, in milliseconds.
type spans struct {
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
	P99 float64 `json:"p99_ms"`
}

func spansOf(h *broker.Histogram) spans {
	ms := func(q float64) float64 { return float64(h.Quantile(q).Microseconds()) / 1000 }
	return spans{ms(0.5), ms(0.95), ms(0.99)}
}

// text is the percentiles for people.
func (p spans) text() string {
	if p == (spans{}) {
		return "–"
	}
	d := func(ms float64) string { return span(time.Duration(ms * float64(time.Millisecond))) }
	return d(p.P50) + " / " + d(p.P95) + " / " + d(p.P99)
}

// statistics is the stats command.
type statistics struct {
	app *app
	pager
	after    string
	watch    bool
	interval time.Duration

	pending map[string][]int64 // samples, while it watches
}

func (a *app) statsCommand() *cobra.Command {
	st := statistics{app: a, pager: pager{most: 1000}, pending: make(map[string][]int64)}
	c := &cobra.Command{
		Use:   "stats",
		Short: "Show what waits and runs in each queue, and how fast it is worked off",
		Long: `Show what waits and runs in each queue, and how fast it is worked off: of the last half
hour how many tasks ended each minute, and p50, p95 and p99 of how long they waited and
ran.

With --watch it does so until ctrl-c, on a terminal in place, and shows how the backlog
moves; elsewhere it prints a table, or with --json a line, once an interval.`,
		Example: `  jobsy stats
  jobsy stats --watch --interval 1s
  jobsy stats --json | jq '.queues[] | select(.counts.failed > 0).queue'`,
		Args: exactly(),
		RunE: a.connected(func(ctx context.Context, s *session, _ []string) error {
			if err := st.check(); err != nil {
				return err
			}
			if st.watch {
				return st.repeat(ctx, s)
			}
			return st.once(ctx, s, a.out)
		}),
	}
	st.flag(c, 50)
	c.Flags().StringVar(&st.after, "after", "", "begin after the `QUEUE` of that name")
	c.Flags().BoolVarP(&st.watch, "watch", "w", false, "go on until ctrl-c")
	c.Flags().DurationVar(&st.interval, "interval", 2*time.Second, "with --watch: how often, at least 100ms")
	return c
}

func (st *statistics) check() error {
	if st.interval < 100*time.Millisecond {
		return usagef("--interval must be at least 100ms, got %s", st.interval)
	}
	return st.pager.check()
}

// repeat ends with the context, and without an error: that is how one ends it.
func (st *statistics) repeat(ctx context.Context, s *session) error {
	tick := time.NewTicker(st.interval)
	defer tick.Stop()
	for {
		err := st.draw(ctx, s)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, task.ErrUnavailable): // it may be back at the next look
			fmt.Fprintln(st.app.err, "jobsy: "+escaped(err.Error()))
		case err != nil:
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// draw shows one sample; on a terminal in place of the one before.
func (st *statistics) draw(ctx context.Context, s *session) error {
	if !st.app.screen || st.app.json {
		return st.once(ctx, s, st.app.out)
	}
	const home, restOfLine, restOfScreen = "\x1b[H", "\x1b[K", "\x1b[J"
	var text strings.Builder
	if err := st.once(ctx, s, &text); err != nil {
		return err
	}
	fitting := st.app.fit(text.String())
	_, err := io.WriteString(st.app.out, home+strings.ReplaceAll(fitting, "\n", restOfLine+"\n")+restOfScreen)
	return err
}

func (st *statistics) once(ctx context.Context, s *session, out io.Writer) error {
	v, err := st.look(ctx, s)
	if err != nil {
		return err
	}
	if st.app.json {
		return st.app.printJSON(v)
	}
	return st.print(v, out)
}

func (st *statistics) look(ctx context.Context, s *session) (statsView, error) {
	v := statsView{At: time.Now().UTC(), Queues: []queueStats{}, Counts: make(map[string]int)}
	names, next, _, err := s.pageOf(ctx, st.after, st.limit)
	if err != nil {
		return v, err
	}
	views, err := s.stands(ctx, names)
	if err != nil {
		return v, err
	}
	v.Next = next
	if v.Queues, err = s.allFigures(ctx, views); err != nil {
		return v, err
	}
	for _, view := range views {
		for status, n := range view.Counts {
			v.Counts[status] += n
		}
		samples := append(st.pending[view.Queue], int64(view.Counts[string(task.StatusPending)]))
		st.pending[view.Queue] = samples[max(0, len(samples)-trend):]
	}
	return v, nil
}

// allFigures asks for several queues at once, for each takes two round trips.
func (s *session) allFigures(ctx context.Context, views []queueView) ([]queueStats, error) {
	stats, errs := make([]queueStats, len(views)), make([]error, len(views))
	slots := make(chan struct{}, 10)
	var asking sync.WaitGroup
	for i, view := range views {
		slots <- struct{}{}
		asking.Go(func() {
			stats[i], errs[i] = s.figures(ctx, view)
			<-slots
		})
	}
	asking.Wait()
	return stats, cmp.Or(errs...)
}

// figures adds what the servers of a queue did of late.
func (s *session) figures(ctx context.Context, view queueView) (queueStats, error) {
	q := queueStats{queueView: view, Minutes: trend}
	if view.Error != "" {
		return q, nil
	}
	now := time.Now()
	// The clock of the broker may be ahead; there is nothing later than now.
	f, err := s.Figures(ctx, view.Queue, now.Add(-trend*time.Minute), now.Add(time.Hour))
	if err != nil {
		return q, err
	}
	q.Enqueued = f.Enqueued
	q.Completed, q.Failed, q.Retried = f.Total.Completed, f.Total.Failed, f.Total.Retried
	q.Wait, q.Run = spansOf(&f.Total.Wait), spansOf(&f.Total.Run)
	q.came = byMinute(&f, func(p *broker.Period) int64 { return p.Enqueued })
	q.done = byMinute(&f, func(p *broker.Period) int64 { return p.Completed + p.Failed })
	return q, nil
}

// byMinute is a figure of each of the last minutes.
func byMinute(f *broker.Figures, of func(*broker.Period) int64) []int64 {
	all := make([]int64, trend)
	last := f.Now.Truncate(time.Minute)
	for _, p := range f.Periods {
		if i := trend - 1 - int(last.Sub(p.At)/time.Minute); i >= 0 && i < trend {
			all[i] += of(&p)
		}
	}
	return all
}

// backlog is how the pending tasks of a queue moved, while it watches.
func (st *statistics) backlog(queue string) string {
	if !st.watch {
		return ""
	}
	return sparkline(st.pending[queue])
}

func (st *statistics) print(v statsView, out io.Writer) error {
	t := newTable("QUEUE", "STATE", ">PENDING", "", ">RUNNING", ">DELAYED", ">FAILED", ">OLDEST", "ENQUEUED A MIN", "ENDED A MIN", "WAITED p50/95/99", "RAN p50/95/99")
	for i := range v.Queues {
		q := &v.Queues[i]
		t.row(
			brief(q.Queue, 40), q.state(), numbered(q.Counts["pending"]), st.backlog(q.Queue), numbered(q.Counts["running"]),
			numbered(q.Counts["scheduled"]+q.Counts["retrying"]), numbered(q.Counts["failed"]),
			span(time.Duration(q.OldestMS)*time.Millisecond), sparkline(q.came), sparkline(q.done), q.Wait.text(), q.Run.text(),
		)
	}
	if err := t.print(out); err != nil {
		return err
	}
	more := ""
	if v.Next != "" {
		more = "; for more: --after " + argument(v.Next)
	}
	_, err := fmt.Fprintf(out, "%s%s, at %s\n", counted(len(v.Queues), "queue"), more, v.At.Local().Format(time.TimeOnly))
	return err
}
