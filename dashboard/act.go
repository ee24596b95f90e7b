package dashboard

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// action is a change that a form can ask for.
type action struct {
	name     string
	question string // asked before it is done; "": none is
	past     string // "Deleted"
	what     string // what it is about, of one thing: "task"
	read     func(c *change, q *params)
	do       func(d *dashboard, ctx context.Context, c *change) (done int, err error)
}

// change is an action with what it is about.
type change struct {
	action
	queue       string
	ids         []uuid.UUID
	group       admin.FailedGroup
	perSecond   float64
	priority    task.Priority
	schedule    string
	back        string
	confirmed   bool
	fingerprint bool // it is about a group
}

// actions returns all that can be done, by name.
func actions() map[string]action {
	all := []action{
		{name: "retry", past: "Set to run", what: "task", read: readIDs, do: retryTasks},
		{name: "cancel", past: "Cancelled", what: "task", read: readIDs, do: cancelTasks,
			question: "Cancel %s? One that runs is told to stop; it will not run again."},
		{name: "delete", past: "Deleted", what: "task", read: readIDs, do: deleteTasks,
			question: "Delete %s? This cannot be undone."},
		{name: "priority", past: "Changed the priority of", what: "task", read: readPriority, do: changePriority},
		{name: "pause", past: "Paused", what: "queue", read: readNothing, do: pauseQueue},
		{name: "resume", past: "Resumed", what: "queue", read: readNothing, do: resumeQueue},
		{name: "retry-group", past: "Set to run", what: "task", read: readGroup, do: retryGroup},
		{name: "delete-group", past: "Deleted", what: "task", read: readGroup, do: deleteGroup,
			question: "Delete %s? This cannot be undone."},
		{name: "pause-schedule", past: "Paused", what: "schedule", read: readSchedule, do: pauseSchedule},
		{name: "run-schedule", past: "Enqueued the task of", what: "schedule", read: readSchedule, do: runSchedule},
		{name: "resume-schedule", past: "Resumed", what: "schedule", read: readSchedule, do: resumeSchedule},
		{name: "remove-schedule", past: "Removed", what: "schedule", read: readSchedule, do: removeSchedule,
			question: "Remove %s? Its pause and its last tick are forgotten. A program that still runs it brings it back."},
	}
	named := make(map[string]action)
	for _, a := range all {
		named[a.name] = a
	}
	return named
}

func readNothing(*change, *params) {}
func readIDs(c *change, q *params) { c.ids = q.ids() }

func readSchedule(c *change, q *params) {
	c.schedule = q.text("schedule", maxText*2)
	if c.schedule == "" {
		q.refuse("schedule", "must not be empty", "")
	}
}

func readPriority(c *change, q *params) {
	c.ids = q.ids()
	c.priority = task.Priority(q.number("priority", 1, 255, 0))
	if c.priority == 0 {
		q.refuse("priority", "must be a whole number from 1 to 255", "")
	}
}

func readGroup(c *change, q *params) {
	c.group = admin.FailedGroup{Queue: c.queue, Name: q.text("name", maxText*2), Fingerprint: q.text("fingerprint", maxText*2)}
	c.perSecond = q.rate("per_second")
	if c.group.Name == "" {
		q.refuse("name", "must not be empty", "")
	}
	c.fingerprint = true
}

// act makes the change that a form asks for, or asks whether it is meant.
func (d *dashboard) act(w http.ResponseWriter, r *request) error {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return errMethod
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if r.role != Operator {
		d.Logger.Warn("dashboard: change refused", slog.String("user", r.user), slog.String("action", broker.Cut(r.PostFormValue("do"), 40)),
			slog.String("queue", broker.Cut(r.PostFormValue("queue"), 128)), slog.String("outcome", "forbidden"))
		return errForbidden
	}
	c, err := d.readChange(r)
	if err != nil {
		return err
	}
	if c.question != "" && !c.confirmed {
		return d.ask(w, r, c)
	}
	ctx, cancel := context.WithTimeout(r.Context(), actTime)
	defer cancel()
	done, err := c.do(d, ctx, c)
	d.audit(r, c, done, err)
	if err != nil && !passedOver(err) {
		return err
	}
	redirect(w, c.answer(done, len(c.ids)-done), http.StatusSeeOther)
	return nil
}

func (d *dashboard) readChange(r *request) (*change, error) {
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, err
		}
		return nil, &task.FieldError{Field: "form", Rule: "must be URL-encoded"}
	}
	q := &r.params
	q.values = r.PostForm
	a, ok := d.actions[q.values.Get("do")]
	if !ok {
		q.refuse("do", "must be a known action", q.values.Get("do"))
		return nil, q.err
	}
	c := &change{action: a, queue: q.queue(), confirmed: q.values.Get("confirmed") == "yes"}
	c.back = d.readBack(q)
	a.read(c, q)
	return c, q.err
}

// readBack returns where to go afterwards: a page of this dashboard, and nowhere
// else.
func (d *dashboard) readBack(q *params) string {
	to, err := url.Parse(cmp.Or(q.text("back", maxQuery), "./"))
	if err != nil || to.Scheme != "" || to.Host != "" || to.User != nil {
		q.refuse("back", "must be a page of this dashboard", q.values.Get("back"))
		return ""
	}
	p := d.site.pages[strings.TrimPrefix(to.Path, "./")]
	values, err := url.ParseQuery(to.RawQuery)
	if p == nil || err != nil {
		q.refuse("back", "must be a page of this dashboard", q.values.Get("back"))
		return ""
	}
	return self(p, values)
}

// answer is where the browser goes, with what the page there is to tell.
func (c *change) answer(done, missed int) string {
	back := c.back
	if (c.name == "delete" || c.name == "delete-group") && strings.HasPrefix(back, "task?") {
		back = link("tasks", "queue", c.queue)
	}
	to, _ := url.Parse(back) // it was written by this program
	values := to.Query()
	values.Set("did", c.name)
	values.Set("n", plain(done))
	if missed > 0 && len(c.ids) > 0 {
		values.Set("missed", plain(missed))
	}
	return to.Path + "?" + values.Encode()
}

// question is what is asked before a change.
type question struct {
	Text   string
	Fields [][2]string
	Back   string
	Verb   string
	Shown  []string
}

func (d *dashboard) ask(w http.ResponseWriter, r *request, c *change) error {
	what := count(len(c.ids), c.what)
	verb, _, _ := strings.Cut(c.name, "-")
	q := question{Back: c.back, Verb: strings.ToUpper(verb[:1]) + verb[1:]}
	switch {
	case c.schedule != "":
		what = "schedule " + line(c.schedule) + " of queue " + line(c.queue)
	case c.fingerprint:
		what = "all failed tasks " + line(c.group.Name) + " of queue " + line(c.queue) + " with the error below"
		q.Shown = []string{c.group.Fingerprint}
	}
	for _, id := range c.ids {
		q.Shown = append(q.Shown, id.String())
	}
	q.Text = strings.ReplaceAll(c.question, "%s", what)
	for _, key := range slices.Sorted(keysOf(r.values)) {
		for _, value := range r.values[key] {
			q.Fields = append(q.Fields, [2]string{key, value})
		}
	}
	s := d.shell(r, "Are you sure?")
	s.Data = q
	return render(w, http.StatusOK, d.site.confirm, s)
}

// passedOver reports whether an error only tells that tasks have moved on.
func passedOver(err error) bool {
	if errors.Is(err, task.ErrUnavailable) || errors.Is(err, task.ErrClosed) {
		return false
	}
	return errors.Is(err, task.ErrNotFound) || errors.Is(err, task.ErrRunning) || errors.Is(err, task.ErrEnded) || errors.Is(err, task.ErrDuplicate)
}

// audit writes down who did what, to which, and what came of it.
func (d *dashboard) audit(r *request, c *change, done int, err error) {
	attrs := []slog.Attr{
		slog.String("user", r.user), slog.String("action", c.name), slog.String("queue", c.queue), slog.Int("changed", done),
	}
	if len(c.ids) > 0 {
		attrs = append(attrs, slog.Any("ids", c.ids))
	}
	if c.fingerprint {
		attrs = append(attrs, slog.String("name", c.group.Name), slog.String("fingerprint", c.group.Fingerprint), slog.Float64("per_second", c.perSecond))
	}
	if c.schedule != "" {
		attrs = append(attrs, slog.String("schedule", c.schedule))
	}
	if c.priority != 0 {
		attrs = append(attrs, slog.Int("priority", int(c.priority)))
	}
	level, outcome := slog.LevelInfo, "done"
	if err != nil {
		level, outcome = slog.LevelWarn, err.Error()
	}
	attrs = append(attrs, slog.String("outcome", outcome))
	d.Logger.LogAttrs(r.Context(), level, "dashboard: change", attrs...)
}

// named returns the tasks that were chosen, as a client wants them.
func (c *change) named() []*task.Task {
	tasks := make([]*task.Task, len(c.ids))
	for i, id := range c.ids {
		tasks[i] = &task.Task{Queue: c.queue, ID: id}
	}
	return tasks
}

// counted returns for how many tasks a call had no error.
func (c *change) counted(err error) (int, error) {
	var several *jobsy.BatchError
	switch {
	case err == nil:
		return len(c.ids), nil
	case errors.As(err, &several):
		return len(several.Errs) - len(several.Unwrap()), err
	}
	return 0, err
}

func retryTasks(d *dashboard, ctx context.Context, c *change) (int, error) {
	return c.counted(d.client.Retry(ctx, c.named()...))
}

func cancelTasks(d *dashboard, ctx context.Context, c *change) (int, error) {
	return c.counted(d.client.Cancel(ctx, c.named()...))
}

func deleteTasks(d *dashboard, ctx context.Context, c *change) (int, error) {
	return c.counted(d.client.Delete(ctx, c.named()...))
}

func changePriority(d *dashboard, ctx context.Context, c *change) (int, error) {
	done := 0
	var errs []error
	for _, t := range c.named() {
		err := d.admin.SetPriority(ctx, t, c.priority)
		errs = append(errs, err)
		if err == nil {
			done++
		}
	}
	return done, errors.Join(errs...)
}

func one(err error) (int, error) {
	if err != nil {
		return 0, err
	}
	return 1, nil
}

func pauseQueue(d *dashboard, ctx context.Context, c *change) (int, error) {
	return one(d.admin.Pause(ctx, c.queue))
}

func resumeQueue(d *dashboard, ctx context.Context, c *change) (int, error) {
	return one(d.admin.Resume(ctx, c.queue))
}

func retryGroup(d *dashboard, ctx context.Context, c *change) (int, error) {
	return d.admin.RetryFailed(ctx, c.group, c.perSecond)
}

func deleteGroup(d *dashboard, ctx context.Context, c *change) (int, error) {
	return d.admin.DeleteFailed(ctx, c.group)
}

func pauseSchedule(d *dashboard, ctx context.Context, c *change) (int, error) {
	return one(d.admin.PauseSchedule(ctx, c.queue, c.schedule))
}

func resumeSchedule(d *dashboard, ctx context.Context, c *change) (int, error) {
	return one(d.admin.ResumeSchedule(ctx, c.queue, c.schedule))
}

func runSchedule(d *dashboard, ctx context.Context, c *change) (int, error) {
	_, err := d.admin.RunSchedule(ctx, c.queue, c.schedule)
	return one(err)
}

func removeSchedule(d *dashboard, ctx context.Context, c *change) (int, error) {
	return one(d.admin.RemoveSchedule(ctx, c.queue, c.schedule))
}
