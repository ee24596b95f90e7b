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

// The reasons why a task does not run, and for ReasonRunning and ReasonOverdue
// where it does.
const (
	// ReasonUnknown: there is no such task, any more or in that queue.
	ReasonUnknown ReasonCode = "unknown"
	// ReasonEnded: it has ended. At: when.
	ReasonEnded ReasonCode = "ended"
	// ReasonRunning: it runs. At: until when its lease lasts. Server: who has it.
	ReasonRunning ReasonCode = "running"
	// ReasonOverdue: it runs, and its handler goes on although its context ended ten
	// seconds ago and more, by timeout, deadline, cancellation or a lost lease.
	// Nothing but the handler, or the end of its process, ends that. At and Server as
	// of ReasonRunning.
	ReasonOverdue ReasonCode = "overdue"
	// ReasonLapsed: its worker has been silent since At; it is handed out next.
	ReasonLapsed ReasonCode = "lapsed"
	// ReasonNotDue: it waits for its time. At: when it is due.
	ReasonNotDue ReasonCode = "not due"
	// ReasonRetrying: an attempt failed. At: when the next one is due.
	ReasonRetrying ReasonCode = "retrying"
	// ReasonUnique: another task has to end before it. Other: which.
	ReasonUnique ReasonCode = "unique"
	// ReasonAhead: others go before it. Count: how many.
	ReasonAhead ReasonCode = "ahead"
	// ReasonPaused: its queue hands out nothing.
	ReasonPaused ReasonCode = "paused"
	// ReasonNoServer: no server that lives works on its queue.
	ReasonNoServer ReasonCode = "no server"
	// ReasonNoName: no server of its queue that lives handles its name. Count: how
	// many servers the queue has.
	ReasonNoName ReasonCode = "no handler"
	// ReasonParked: as ReasonNoName, and a server that did not know its name has put
	// it aside: it waits, without a time, for one that does. Count: how many servers
	// the queue has, perhaps none.
	ReasonParked ReasonCode = "parked"
	// ReasonBusy: the servers that would run it have no slot free. Count: how many
	// tasks they hold.
	ReasonBusy ReasonCode = "busy"
	// ReasonNext: nothing stands against it. A server is about to take it.
	ReasonNext ReasonCode = "next"
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
// what would change it. That no server handles its name comes first: whatever else
// passes, it does not run before one does. What servers say of themselves may be 5
// seconds old, or 15 of one that is idle. It looks several times, so that what moves
// meanwhile may not fit together, and it makes a bounded number of calls.
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
	servers  []broker.ServerInfo // that live
	crew     crew
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
	var err error
	if e.servers, err = e.client.Servers(ctx); err != nil {
		return err
	}
	e.crew = newCrew(e.servers, e.queue, e.task.Name)
	if e.task.Status == task.StatusRunning {
		e.running()
		return nil
	}
	e.unhandled()
	e.waiting()
	if err := e.paused(ctx); err != nil {
		return err
	}
	e.unserved()
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

func (e *explainer) running() {
	expires := e.standing.Expires
	if !expires.IsZero() && !expires.After(e.standing.Now) {
		e.lapsed()
		return
	}
	on, run := e.holder()
	r := Reason{Code: ReasonRunning, Text: "it is running", At: expires, Server: on, Hint: "jobsy.Client.Cancel calls it off"}
	if on != "" {
		r.Text += fmt.Sprintf(" on %s since %s", on, stamp(run.Since))
	}
	switch {
	case run.Overdue:
		r.Code = ReasonOverdue
		r.Text += ", and its handler ignores that its context has ended: it keeps its slot, and cancelling the task changes nothing, until it returns"
		r.Hint = "the handler has to obey its context, or its process be restarted; the log of its server has the handler's stack"
	case !expires.IsZero():
		r.Text += fmt.Sprintf("; its lease lasts until %s, and is extended while its server lives", stamp(expires))
	}
	e.add(r)
}

// lapsed is about a task whose lease has run out.
func (e *explainer) lapsed() {
	e.unhandled()
	at := e.standing.Expires
	e.add(Reason{
		Code: ReasonLapsed, At: at, Hint: "a server of the queue that has a free slot takes it over",
		Text: fmt.Sprintf("its lease ran out %s ago: its server has died or is cut off, and the task is handed out before others", e.in(at)),
	})
	e.unserved()
}

// holder returns the server that runs the task, and what it says of that. Should
// several, the one that began last has the lease: the others have lost theirs.
func (e *explainer) holder() (name string, run broker.RunningTask) {
	for i := range e.servers {
		for _, r := range e.servers[i].Running {
			if r.ID == e.task.ID && r.Queue == e.queue && !r.Since.Before(run.Since) {
				name, run = e.servers[i].Name, r
			}
		}
	}
	return name, run
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

// unhandled is about a task whose name no server of its queue handles.
func (e *explainer) unhandled() {
	parked, servers := e.standing.Parked, len(e.crew.names)
	if e.crew.able > 0 || servers == 0 && !parked {
		return
	}
	r := Reason{
		Code: ReasonNoName, Count: servers, Text: "it needs",
		Hint: "deploy a server of the queue that registers a handler for the name, or admin.Client.Move to a queue that has one",
	}
	if parked {
		r.Code, r.Text = ReasonParked, "it is parked, and waits for"
	}
	r.Text += fmt.Sprintf(" a server that handles tasks named %q: ", e.task.Name)
	if servers == 0 {
		r.Text += fmt.Sprintf("none that lives works on queue %q", e.queue)
	} else {
		r.Text += fmt.Sprintf("those that live and work on queue %q do not (%s)", e.queue, e.crew.who())
	}
	e.add(r)
}

// unserved is about servers that there are not, or that have no slot free.
func (e *explainer) unserved() {
	due := e.task.Status == task.StatusPending || e.standing.Parked
	switch c := &e.crew; {
	case len(c.names) == 0 && !e.standing.Parked:
		e.add(Reason{
			Code: ReasonNoServer,
			Text: fmt.Sprintf("none of the %d servers that live works on queue %q", c.alive, e.queue),
			Hint: "start a server with the queue in ServerOptions.Queues, or admin.Client.Move to a queue that has one",
		})
	case c.able > 0 && c.held >= c.slots && due:
		e.add(Reason{
			Code: ReasonBusy, Count: c.held,
			Text: fmt.Sprintf("the servers that would run it, %d, hold %d tasks and run %d at once", c.able, c.held, c.slots),
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
