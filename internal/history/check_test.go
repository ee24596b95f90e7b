package history_test

import (
	"slices"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/internal/history"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// at returns an event at a second, of task a in queue q unless it says otherwise.
func at(second float64, e history.Event) history.Event {
	e.Begin = moment(second)
	if e.End.IsZero() {
		e.End = e.Begin
	}
	if e.ID == "" {
		e.ID = "a"
	}
	if e.Process == "" {
		e.Process = "p"
	}
	e.Queue = "q"
	return e
}

func moment(second float64) time.Time {
	return start.Add(time.Duration(second * float64(time.Second)))
}

func enqueue(second float64) history.Event {
	return at(second, history.Event{Type: history.TypeEnqueue, Answer: history.Accepted, MaxRetry: 25})
}

func lease(second float64, token int64) history.Event {
	return at(second, history.Event{Type: history.TypeLease, Token: token, Deliveries: 1, Until: moment(second + 10)})
}

func run(second float64, token int64) history.Event {
	return at(second, history.Event{Type: history.TypeStart, Token: token, Attempt: 1, Deliveries: 1})
}

func end(second float64, token int64) history.Event {
	return at(second, history.Event{Type: history.TypeEnd, Token: token})
}

func settle(second float64, token int64, status string) history.Event {
	return at(second, history.Event{Type: history.TypeSettle, Token: token, Status: status, Answer: history.Accepted})
}

// settling is a settlement of which only the beginning is known.
func settling(second float64, token int64, status string) history.Event {
	return with(settle(second, token, status), func(e *history.Event) {
		e.Type, e.Answer = history.TypeSettling, ""
	})
}

func extend(second float64, token int64) history.Event {
	return at(second, history.Event{Type: history.TypeExtend, Token: token, Answer: history.Accepted, Until: moment(second + 10)})
}

func revise(second float64, status string) history.Event {
	return at(second, history.Event{Type: history.TypeRevise, Status: status, Answer: history.Accepted})
}

func tick(second float64, id string) history.Event {
	return at(second, history.Event{Type: history.TypeTick, ID: id, Answer: history.Accepted, Schedule: "s", Tick: start})
}

// with changes an event.
func with(e history.Event, change func(*history.Event)) history.Event {
	change(&e)
	return e
}

func of(id string, events ...history.Event) []history.Event {
	for i := range events {
		events[i].ID = id
	}
	return events
}

// whole is the history of a task that ran once.
func whole(second float64) []history.Event {
	return []history.Event{enqueue(second), lease(second+1, 1), run(second+1, 1), end(second+2, 1), settle(second+2, 1, "completed")}
}

func answer(a history.Answer) func(*history.Event) {
	return func(e *history.Event) { e.Answer = a }
}

var cases = []struct {
	name   string
	want   history.Kind // "": none
	opts   *history.Options
	events []history.Event
}{
	{"an ordinary task", "", nil, whole(0)},
	{"nothing", "", nil, nil},

	{"accepted and never seen again", history.Lost, nil, []history.Event{enqueue(0)}},
	{"its end refused", history.Lost, nil, append(whole(0)[:4], with(settle(2, 1, "completed"), answer(history.Refused)))},
	{"its retry the last that is known", history.Lost, nil, append(whole(0)[:4], settle(2, 1, "retrying"))},
	{"not ended yet", "", &history.Options{Running: true}, []history.Event{enqueue(0)}},
	{"refused and never seen again", "", nil, []history.Event{with(enqueue(0), answer(history.Refused))}},
	{"unknown and never seen again", "", nil, []history.Event{with(enqueue(0), answer(history.Unknown))}},
	{"its end unknown", "", nil, append(whole(0)[:4], with(settle(2, 1, "completed"), answer(history.Unknown)))},
	{"seen ended", "", nil, []history.Event{enqueue(0), at(1, history.Event{Type: history.TypeEnded, Status: "failed"})}},
	{"deleted", "", nil, []history.Event{enqueue(0), revise(1, history.Deleted)}},

	{"never enqueued", history.Unexpected, nil, whole(0)[1:]},
	{"refused and ran", history.Unexpected, nil, append(whole(0)[1:], with(enqueue(0), answer(history.Refused)))},
	{"unknown and ran", "", nil, append(whole(0)[1:], with(enqueue(0), answer(history.Unknown)))},
	{"refused once and accepted once", "", nil, append(whole(1), with(enqueue(0), answer(history.Refused)))},

	{"ran after its end", history.RunAgain, nil, append(whole(0), run(3, 2))},
	{"leased after its end", history.RunAgain, nil, append(whole(0), lease(3, 2))},
	{"ran after an end that is unknown", "", nil, append(whole(0)[:4], with(settle(2, 1, "completed"), answer(history.Unknown)),
		lease(13, 2), run(13, 2), settle(14, 2, "completed"))},
	{"ran after a retry", "", nil, append(whole(0)[:4], settle(2, 1, "retrying"), lease(3, 2), run(3, 2), settle(4, 2, "completed"))},
	{"run anew by an operator", "", nil, append(whole(0), revise(3, "pending"), run(4, 2))},
	{"enqueued anew", "", nil, append(whole(0), enqueue(3), run(4, 2))},

	{"leased while a lease lasts", history.TwoLeases, nil, []history.Event{enqueue(0), lease(1, 1), lease(5, 2), settle(6, 2, "completed")}},
	{"leased while an extended lease lasts", history.TwoLeases, nil, []history.Event{
		enqueue(0), lease(1, 1), extend(9, 1), lease(12, 2), settle(13, 2, "completed")}},
	{"leased before, and told of it after", "", nil, []history.Event{enqueue(0),
		with(lease(1, 1), func(e *history.Event) { e.End, e.Until = moment(5), moment(2) }), lease(3, 2), settle(6, 2, "completed")}},
	{"leased after a lease ran out", "", nil, []history.Event{enqueue(0), lease(1, 1), lease(11.1, 2), settle(12, 2, "completed")}},
	{"leased after an extension was refused", "", nil, []history.Event{
		enqueue(0), lease(1, 1), with(extend(9, 1), answer(history.Refused)), lease(12, 2), settle(13, 2, "completed")}},
	{"leased after a release", "", nil, []history.Event{enqueue(0), lease(1, 1), settle(2, 1, "pending"), lease(3, 2), settle(4, 2, "completed")}},
	{"leased after a release that is unknown", "", nil, []history.Event{
		enqueue(0), lease(1, 1), with(settle(2, 1, "pending"), answer(history.Unknown)), lease(3, 2), settle(4, 2, "completed")}},

	{"leased after a settlement that was cut short", "", nil, []history.Event{
		enqueue(0), lease(1, 1), settling(2, 1, "retrying"), lease(3, 2), settle(4, 2, "completed")}},
	{"leased after a settlement that was refused", history.TwoLeases, nil, []history.Event{
		enqueue(0), lease(1, 1), settling(2, 1, "retrying"), with(settle(2, 1, "retrying"), answer(history.Refused)),
		lease(3, 2), settle(4, 2, "completed")}},
	{"a token that does not grow", history.Fenced, nil, []history.Event{enqueue(0), lease(1, 2), lease(12, 1), settle(13, 1, "completed")}},
	{"a lost lease settled", history.Fenced, nil, []history.Event{enqueue(0), lease(1, 1), lease(12, 2), settle(13, 1, "completed")}},
	{"a lost lease extended", history.Fenced, nil, []history.Event{enqueue(0), lease(1, 1), lease(12, 2), extend(13, 1), settle(14, 2, "completed")}},
	{"a lost lease refused", "", nil, []history.Event{
		enqueue(0), lease(1, 1), lease(12, 2), with(settle(13, 1, "completed"), answer(history.Refused)), settle(14, 2, "completed")}},

	{"a settlement that comes back after another lease", "", nil, []history.Event{
		enqueue(0), lease(1, 1), with(settle(2, 1, "retrying"), answer(history.Unknown)), lease(3, 2),
		settle(4, 1, "retrying"), settle(5, 2, "completed")}},
	{"a settlement first tried after another lease", history.Fenced, nil, []history.Event{
		enqueue(0), lease(1, 1), lease(12, 2), with(settle(13, 1, "retrying"), answer(history.Unknown)),
		settle(14, 1, "retrying"), settle(15, 2, "completed")}},
	{"an end that comes back after another lease", history.Fenced, nil, []history.Event{
		enqueue(0), lease(1, 1), with(settle(2, 1, "completed"), answer(history.Unknown)), lease(12, 2),
		settle(13, 1, "completed"), with(settle(14, 2, "completed"), answer(history.Refused))}},

	{"started before it was due", history.Early, nil, append(whole(0)[1:], with(enqueue(0), func(e *history.Event) { e.RunAt = moment(1.5) }))},
	{"started when it was due", "", nil, append(whole(0)[1:], with(enqueue(0), func(e *history.Event) { e.RunAt = moment(1) }))},
	{"retried before it was due", history.Early, nil, append(whole(0)[:4],
		with(settle(2, 1, "retrying"), func(e *history.Event) { e.Delay = 2 * time.Second }), run(3, 2), settle(4, 2, "completed"))},
	{"retried when it was due", "", nil, append(whole(0)[:4],
		with(settle(2, 1, "retrying"), func(e *history.Event) { e.Delay = 2 * time.Second }), run(4, 2), settle(5, 2, "completed"))},

	{"the later first", history.OutOfOrder, &history.Options{SingleWorker: true}, slices.Concat(
		of("a", enqueue(0), run(5, 2), settle(6, 2, "completed")), of("b", enqueue(1), run(4, 1), settle(5, 1, "completed")))},
	{"the later first, of another priority", "", &history.Options{SingleWorker: true}, slices.Concat(
		of("a", enqueue(0), run(5, 2), settle(6, 2, "completed")),
		of("b", with(enqueue(1), func(e *history.Event) { e.Priority = 9 }), run(4, 1), settle(5, 1, "completed")))},
	{"the later first, of many workers", "", nil, slices.Concat(
		of("a", enqueue(0), run(5, 2), settle(6, 2, "completed")), of("b", enqueue(1), run(4, 1), settle(5, 1, "completed")))},
	{"the later first, and the other one retried", "", &history.Options{SingleWorker: true}, slices.Concat(
		of("a", enqueue(0), run(2, 1), settle(3, 1, "retrying"), run(5, 3), settle(6, 3, "completed")),
		of("b", enqueue(1), run(4, 2), settle(5, 2, "completed")))},
	{"two calls at once", "", &history.Options{SingleWorker: true}, slices.Concat(
		of("a", with(enqueue(0), func(e *history.Event) { e.End = moment(2) }), run(5, 2), settle(6, 2, "completed")),
		of("b", with(enqueue(1), func(e *history.Event) { e.Process = "other" }), run(4, 1), settle(5, 1, "completed")))},
	{"a batch out of order", history.OutOfOrder, &history.Options{SingleWorker: true}, slices.Concat(
		of("a", enqueue(0), run(5, 2), settle(6, 2, "completed")), of("b", enqueue(0), run(4, 1), settle(5, 1, "completed")))},

	{"more than may run at once", history.Overloaded, &history.Options{Concurrency: 1}, slices.Concat(
		of("a", enqueue(0), run(1, 1), end(3, 1), settle(3, 1, "completed")), of("b", enqueue(0), run(2, 2), end(3, 2), settle(3, 2, "completed")))},
	{"as many as may run at once", "", &history.Options{Concurrency: 1}, slices.Concat(
		of("a", enqueue(0), run(1, 1), end(2, 1), settle(3, 1, "completed")), of("b", enqueue(0), run(2, 2), end(3, 2), settle(3, 2, "completed")))},

	{"a tick taken twice", history.TickedTwice, nil, slices.Concat(
		of("a", tick(0, ""), settle(1, 1, "completed")), of("b", tick(0, ""), settle(1, 2, "completed")))},
	{"a tick unknown that ran", history.TickedTwice, nil, slices.Concat(
		of("a", tick(0, ""), settle(1, 1, "completed")), of("b", with(tick(0, ""), answer(history.Unknown)), run(1, 2)))},
	{"a tick refused", "", nil, slices.Concat(
		of("a", tick(0, ""), settle(1, 1, "completed")), of("b", with(tick(0, ""), answer(history.Refused))))},
	{"two ticks", "", nil, slices.Concat(of("a", tick(0, ""), settle(1, 1, "completed")),
		of("b", with(tick(0, ""), func(e *history.Event) { e.Tick = moment(1) }), settle(1, 2, "completed")))},

	{"an attempt without a failure", history.Attempts, nil, append(whole(0)[:2], with(run(1, 1), func(e *history.Event) { e.Attempt = 2 }), settle(2, 1, "completed"))},
	{"an attempt beyond the last", history.Attempts, nil, []history.Event{
		with(enqueue(0), func(e *history.Event) { e.MaxRetry = -1 }), run(1, 1), settle(2, 1, "retrying"),
		with(run(3, 2), func(e *history.Event) { e.Attempt = 2 }), settle(4, 2, "completed")}},
	{"a second attempt", "", nil, []history.Event{
		enqueue(0), run(1, 1), settle(2, 1, "retrying"), with(run(3, 2), func(e *history.Event) { e.Attempt = 2 }), settle(4, 2, "completed")}},

	{"delivered too often", history.Deliveries, nil, append(whole(0)[:2], with(run(1, 1), func(e *history.Event) { e.Deliveries = 6 }), settle(2, 1, "completed"))},
	{"delivered never", history.Deliveries, nil, append(whole(0)[:2], with(run(1, 1), func(e *history.Event) { e.Deliveries = 0 }), settle(2, 1, "completed"))},
	{"delivered once more, to be ended", "", nil, []history.Event{enqueue(0), with(lease(1, 1), func(e *history.Event) { e.Deliveries = 6 }), settle(2, 1, "failed")}},
	{"delivered as often as one likes", "", &history.Options{MaxDeliveries: -1},
		append(whole(0)[:2], with(run(1, 1), func(e *history.Event) { e.Deliveries = 60 }), settle(2, 1, "completed"))},
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			found := history.Check(c.events, c.opts)
			if c.want == "" && len(found) == 0 {
				return
			}
			if len(found) != 1 || found[0].Kind != c.want || found[0].Queue != "q" {
				t.Errorf("found %v, want one %q", found, c.want)
			}
		})
	}
}

// Each kind is shown by a history that has it.
func TestEveryKindIsShown(t *testing.T) {
	t.Parallel()
	kinds := []history.Kind{
		history.Lost, history.Unexpected, history.RunAgain, history.TwoLeases, history.Fenced, history.Early,
		history.OutOfOrder, history.Overloaded, history.TickedTwice, history.Attempts, history.Deliveries,
	}
	for _, c := range cases {
		kinds = slices.DeleteFunc(kinds, func(k history.Kind) bool { return k == c.want })
	}
	if len(kinds) > 0 {
		t.Errorf("no history has %v", kinds)
	}
}
