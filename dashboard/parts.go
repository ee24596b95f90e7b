package dashboard

import (
	"slices"
	"strconv"
	"strings"

	"github.com/nex-gen-tech/jobsy/task"
)

// What the templates ask of the data of pages.

// plotted is a chart with the class that says how it is drawn.
type plotted struct {
	Class string
	Chart chart
}

// T is the chart of attempts, R that of run times, W that of waiting.
func (b board) T() plotted { return plotted{"throughput", b.Throughput} }
func (b board) R() plotted { return plotted{"latency", b.Run} }
func (b board) W() plotted { return plotted{"latency", b.Wait} }

// reach is one length of time to choose from.
type reach struct {
	Address, Text string
	Now           bool
}

// Ranges are the lengths of time that charts can show.
func (b board) Ranges() []reach {
	if !b.Known {
		return nil
	}
	all := make([]reach, 0, 3)
	for _, minutes := range []int{60, 360, 1440} {
		address := link(b.Page, "queue", b.Queue, "minutes", strconv.Itoa(minutes))
		all = append(all, reach{address, strconv.Itoa(minutes/60) + " h", minutes == b.Minutes})
	}
	return all
}

// Back says what time the charts show.
func (b board) Back() string {
	if b.Minutes%60 == 0 {
		return "last " + strconv.Itoa(b.Minutes/60) + " h"
	}
	return "last " + strconv.Itoa(b.Minutes) + " min"
}

// Rate is how many tasks complete in a minute.
func (b board) Rate() string {
	perMinute := float64(b.Total.Completed) / float64(b.Minutes)
	switch {
	case !b.Known:
		return "–"
	case perMinute > 0 && perMinute < 10:
		return strconv.FormatFloat(perMinute, 'f', 1, 64)
	}
	return grouped(int64(perMinute + 0.5))
}

// P95 is that of the run times.
func (q *queueState) P95() string { return orDash(&q.Total.Run, 0.95) }

// P is a percentile of the run times.
func (n nameFigures) P(quantile float64) string { return orDash(&n.Run, quantile) }

// Tiles are the counts of the queue by status.
func (q *queueData) Tiles() []stateCount {
	var all []stateCount
	for _, s := range task.Statuses() {
		all = append(all, stateCount{s, q.Counts[s]})
	}
	return all
}

// When says what the time in a row is about.
func (t *tasksData) When() string {
	switch {
	case t.Status == task.StatusScheduled || t.Status == task.StatusRetrying:
		return "Due"
	case t.Status == task.StatusRunning:
		return "Started"
	case t.Status.Ended():
		return "Ended"
	}
	return "Enqueued"
}

// ByError reports whether rows show the last error rather than the payload.
func (t *tasksData) ByError() bool {
	return t.Status == task.StatusFailed || t.Status == task.StatusRetrying
}

// To is the address of another page of the same list.
func (t *tasksData) To(cursor string) string {
	limit := ""
	if t.Limit != 50 {
		limit = strconv.Itoa(t.Limit)
	}
	return link("tasks", "queue", t.Queue, "state", string(t.Status), "name", t.Name, "error", t.Error, "text", t.Text, "limit", limit, "cursor", cursor)
}

// Attempts is how many there may be of a task, at most.
func (r row) Attempts() int       { return max(r.MaxRetry, 0) + 1 }
func (t *taskData) Attempts() int { return max(t.MaxRetry, 0) + 1 }

// PutOff says how often the task was put off without a failure, and why.
func (t *taskData) PutOff() string {
	var all []string
	if t.Snoozes > 0 {
		all = append(all, count(int(t.Snoozes), "time")+" by its handler (snoozed)")
	}
	if t.Excused > 0 {
		all = append(all, count(int(t.Excused), "time")+" by errors that are no failures")
	}
	return strings.Join(all, ", ")
}

// Members are the tasks gathered into this one, the first of them.
func (t *taskData) Members() []*task.Task {
	return slices.Clone(t.Task.Members[:min(len(t.Task.Members), 1000)])
}
