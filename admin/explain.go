package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// ReasonCode tells reasons apart.
type ReasonCode string

// The reasons why a task does not run.
const (
	ReasonUnknown  ReasonCode = "unknown"    // there is no such task, any more or in that queue
	ReasonEnded    ReasonCode = "ended"      // At: when
	ReasonRunning  ReasonCode = "running"    // it does; At: until when its lease lasts; Server: who has it
	ReasonLapsed   ReasonCode = "lapsed"     // its worker has been silent since At; it is handed out next
	ReasonNotDue   ReasonCode = "not due"    // At: when it is
	ReasonRetrying ReasonCode = "retrying"   // At: when its next attempt is due
	ReasonUnique   ReasonCode = "unique"     // Other: the task that has to end before
	ReasonAhead    ReasonCode = "ahead"      // Count: how many go before it
	ReasonPaused   ReasonCode = "paused"     // its queue hands out nothing
	ReasonNoServer ReasonCode = "no server"  // no server that lives works on its queue
	ReasonNoName   ReasonCode = "no handler" // no server of its queue that lives handles its name
	ReasonBusy     ReasonCode = "busy"       // Count: how many tasks the servers hold that would run it
	ReasonNext     ReasonCode = "next"       // nothing stands against it: a server is about to take it
)

// Reason is one thing that keeps a task from running.
type Reason struct {
	Code ReasonCode
	Text string // what is so, for people
	Hint string // what would change it; "": nothing needs to

	// What the Code says is set.
	At     time.Time
	Count  int
	Other  uuid.UUID
	Server string
}

// Explanation is why a task does not run.
type Explanation struct {
	Task    *task.Task // nil if it is unknown
	Now     time.Time  // by the broker's clock
	Reasons []Reason   // at least one; what has to change first is first
}

// Explain tells why a task does not run: all that stands against it, each with
// what would change it. It looks several times, so that what moves meanwhile may
// not fit together, and it makes a bounded number of calls.
func (c *Client) Explain(ctx context.Context, t *task.Task) (Explanation, error) {
	monitor, err := optional[broker.Monitor](c)
	if err != nil {
		return Explanation{}, err
	}
	if t == nil {
		return Explanation{}, errNilTask
	}
	standing, err := monitor.Standing(ctx, named(t.Queue), t.ID)
	if errors.Is(err, task.ErrNotFound) {
		return Explanation{Reasons: []Reason{unknownTask(named(t.Queue))}}, nil
	}
	if err != nil {
		return Explanation{}, err
	}
	e := explainer{client: c, standing: standing, task: standing.Task, queue: named(t.Queue)}
	if err := e.explain(ctx); err != nil {
		return Explanation{}, err
	}
	return Explanation{Task: e.task, Now: standing.Now, Reasons: e.reasons}, nil
}

func unknownTask(queue string) Reason {
	return Reason{
		Code: ReasonUnknown,
		Text: fmt.Sprintf("queue %q has no task of this ID: it was never enqueued there, has ended and is kept no longer, or was deleted", queue),
		Hint: "name its queue; a longer Task.Retention keeps what has ended",
	}
}

// explainer looks for the reasons of one task.
type explainer struct {
	client   *Client
	standing broker.Standing
	task     *task.Task
	queue    string
	reasons  []Reason
}

func (e *explainer) add(r Reason) { e.reasons = append(e.reasons, r) }

// in is how long it is until then, or since then.
func (e *explainer) in(at time.Time) time.Duration {
	d := at.Sub(e.standing.Now).Abs()
	if d < 10*time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
}

func (e *explainer) explain(ctx context.Context) error {
	if e.task.Status.Ended() {
		e.ended()
		return nil
	}
	servers, err := e.client.Servers(ctx)
	if err != nil {
		return err
	}
	if e.task.Status == task.StatusRunning {
		e.running(servers)
		return nil
	}
	e.waiting()
	if err := e.paused(ctx); err != nil {
		return err
	}
	e.served(servers)
	if e.task.Status == task.StatusPending && e.standing.Ahead > 0 {
		e.ahead()
	}
	if len(e.reasons) == 0 {
		e.add(Reason{Code: ReasonNext, Text: "nothing stands against it: a server is about to take it"})
	}
	return nil
}

func (e *explainer) ended() {
	r := Reason{Code: ReasonEnded, At: e.task.EndedAt, Hint: "jobsy.Client.Retry runs it again"}
	r.Text = fmt.Sprintf("it has ended as %s", e.task.Status)
	if !e.task.EndedAt.IsZero() {
		r.Text += fmt.Sprintf(" %s ago, at %s", e.in(e.task.EndedAt), stamp(e.task.EndedAt))
	}
	if e.task.Status != task.StatusCompleted && e.task.LastError != "" {
		r.Text += ": " + clip(e.task.LastError, maxReason)
	}
	e.add(r)
}

// maxReason bounds the error that a reason quotes, in bytes.
const maxReason = 800

func (e *explainer) running(servers []broker.ServerInfo) {
	worker, since := holder(servers, e.task.ID)
	r := Reason{Code: ReasonRunning, Text: "it is running", At: e.standing.Expires, Server: worker, Hint: "jobsy.Client.Cancel calls it off"}
	if !r.At.IsZero() && !r.At.After(e.standing.Now) {
		r.Code, r.Hint = ReasonLapsed, "a server of the queue that has a free slot takes it over"
		r.Text = fmt.Sprintf("its lease ran out %s ago: its server has died or is cut off, and the task is handed out before others", e.in(r.At))
		e.add(r)
		e.served(servers)
		return
	}
	if worker != "" {
		r.Text += fmt.Sprintf(" on %s since %s", worker, stamp(since))
	}
	if !r.At.IsZero() {
		r.Text += fmt.Sprintf("; its lease lasts until %s, and is extended while its server lives", stamp(r.At))
	}
	e.add(r)
}

// holder returns the server that runs a task, and since when.
func holder(servers []broker.ServerInfo, id uuid.UUID) (name string, since time.Time) {
	for i := range servers {
		for _, r := range servers[i].Running {
			if r.ID == id {
				return servers[i].Name, r.Since
			}
		}
	}
	return "", time.Time{}
}

// waiting is about a task that waits for its time, or for another task.
func (e *explainer) waiting() {
	at := e.task.RunAt
	switch {
	case e.standing.Behind != uuid.Nil:
		e.add(Reason{
			Code: ReasonUnique, Other: e.standing.Behind,
			Text: fmt.Sprintf("it waits for the end of task %s, for only one of them may run (task.Latest)", e.standing.Behind),
			Hint: "jobsy.Client.Cancel ends the other one",
		})
	case e.task.Status == task.StatusRetrying && at.After(e.standing.Now):
		e.add(Reason{
			Code: ReasonRetrying, At: at, Hint: "jobsy.Client.Retry runs it now",
			Text: fmt.Sprintf("attempt %d failed, and the next is due in %s, at %s; the error: %s", e.task.Attempt, e.in(at), stamp(at),
				clip(e.task.LastError, maxReason)),
		})
	case e.task.Status != task.StatusPending && at.After(e.standing.Now):
		e.add(Reason{
			Code: ReasonNotDue, At: at, Hint: "jobsy.Client.Retry runs it now",
			Text: fmt.Sprintf("it is not due until %s, in %s", stamp(at), e.in(at)),
		})
	}
}

func (e *explainer) paused(ctx context.Context) error {
	info, err := e.client.Queue(ctx, e.queue)
	if err == nil && info.Paused {
		e.add(Reason{Code: ReasonPaused, Text: fmt.Sprintf("queue %q is paused", e.queue), Hint: "admin.Client.Resume ends that"})
	}
	return err
}

// served is about the servers that would run it.
func (e *explainer) served(servers []broker.ServerInfo) {
	takes, knows, slots, held := 0, 0, 0, 0
	for i := range servers {
		s := &servers[i]
		if s.Queues[e.queue] == 0 || s.Stopping {
			continue
		}
		takes++
		if s.Handles(e.task.Name) {
			knows, slots, held = knows+1, slots+s.Concurrency, held+s.Busy
		}
	}
	switch {
	case takes == 0:
		e.add(Reason{
			Code: ReasonNoServer,
			Text: fmt.Sprintf("none of the %d servers that live works on queue %q", len(servers), e.queue),
			Hint: "start a server with the queue in ServerOptions.Queues, or admin.Client.Move to a queue that has one",
		})
	case knows == 0:
		e.add(Reason{
			Code: ReasonNoName,
			Text: fmt.Sprintf("none of the %d servers of queue %q handles tasks named %q", takes, e.queue, e.task.Name),
			Hint: "deploy a server that registers a handler for the name",
		})
	case held >= slots && e.task.Status == task.StatusPending:
		e.add(Reason{
			Code: ReasonBusy, Count: held,
			Text: fmt.Sprintf("the servers that would run it, %d, hold %d tasks and run %d at once", knows, held, slots),
			Hint: "more servers, or a greater ServerOptions.Concurrency",
		})
	}
}

func (e *explainer) ahead() {
	atLeast := ""
	if e.standing.Ahead >= broker.MaxAhead {
		atLeast = "at least "
	}
	e.add(Reason{
		Code: ReasonAhead, Count: e.standing.Ahead,
		Text: fmt.Sprintf("%s%d tasks of queue %q go before it, by priority or because they came first", atLeast, e.standing.Ahead, e.queue),
		Hint: "admin.Client.SetPriority moves it forward",
	})
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }
