package dashboard_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/dashboard"
	"github.com/nex-gen-tech/jobsy/task"
)

// rig is a broker with the dashboard in front of it, which everybody may use.
type rig struct {
	testing.TB
	*memory.Broker
	client  *jobsy.Client
	handler http.Handler
	log     *strings.Builder
}

func newRig(t testing.TB, opts dashboard.Options) *rig {
	t.Helper()
	r := &rig{TB: t, Broker: memory.New(nil), log: &strings.Builder{}}
	t.Cleanup(func() { r.Broker.Close() })
	r.client = jobsy.NewClient(r.Broker, nil)
	if opts.Role == nil {
		opts.Role = operator
	}
	opts.Logger = slog.New(slog.NewTextHandler(r.log, nil))
	r.handler = dashboard.New(r.Broker, &opts)
	return r
}

func operator(*http.Request, string) dashboard.Role { return dashboard.Operator }

func (r *rig) enqueue(tasks ...*task.Task) []*task.Task {
	r.Helper()
	if err := r.client.Enqueue(r.Context(), tasks...); err != nil {
		r.Fatal(err)
	}
	return tasks
}

// fail enqueues tasks that fail at once, one for each error.
func (r *rig) fail(messages ...string) []*task.Task {
	r.Helper()
	tasks := make([]*task.Task, len(messages))
	for i := range tasks {
		tasks[i] = task.New("send", []byte(`{"n":1}`))
	}
	r.enqueue(tasks...)
	leases, err := r.Lease(r.Context(), broker.LeaseRequest{Worker: "w", Queues: []string{"default"}, Max: len(tasks), Duration: time.Minute})
	if err != nil || len(leases) != len(tasks) {
		r.Fatalf("leased %d of %d: %v", len(leases), len(tasks), err)
	}
	outcomes := make([]broker.Outcome, len(leases))
	for i, l := range leases {
		failed := l.Task.Clone()
		failed.LastError = messages[i]
		outcomes[i] = broker.Outcome{Lease: l, Status: task.StatusFailed, Task: failed, Keep: time.Hour}
	}
	if err := errors.Join(r.Settle(r.Context(), outcomes)...); err != nil {
		r.Fatal(err)
	}
	return tasks
}

func (r *rig) count(queue string, s task.Status) int {
	r.Helper()
	counts, err := r.Counts(r.Context(), queue)
	if err != nil {
		r.Fatal(err)
	}
	return counts[s]
}

func (r *rig) do(request *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, request)
	return w
}

// get returns a page that has to be there.
func (r *rig) get(address string) string {
	r.Helper()
	w := r.do(httptest.NewRequest(http.MethodGet, address, nil))
	if w.Code != http.StatusOK {
		r.Fatalf("%s: %d\n%s", address, w.Code, w.Body)
	}
	return w.Body.String()
}

// post sends a form: names and values by turns.
func (r *rig) post(pairs ...string) *httptest.ResponseRecorder {
	form := make(url.Values)
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	request := httptest.NewRequest(http.MethodPost, "/act", strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return r.do(request)
}

// done posts a form that has to be acted on.
func (r *rig) done(pairs ...string) (location string) {
	r.Helper()
	w := r.post(pairs...)
	if w.Code != http.StatusSeeOther {
		r.Fatalf("%v: %d\n%s", pairs, w.Code, w.Body)
	}
	return w.Header().Get("Location")
}

func (r *rig) want(text string, parts ...string) {
	r.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			r.Errorf("no %q in\n%s", part, text)
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	r := newRig(t, dashboard.Options{})
	failed := r.fail("dial 10.0.0.1: refused", "dial 10.0.0.2: refused", "no such user")
	pending := task.New("email:welcome", []byte(`{"to":"ada"}`))
	pending.Queue = "mail"
	r.enqueue(pending)
	for address, wants := range map[string][]string{
		"/":                                          {`<a href="queue?queue=mail">`, "<b>3</b><span>failed</span>", "<b>1</b><span>pending</span>"},
		"/queue?queue=mail":                          {"<b>1</b><span>pending</span>", ">Pause</button>"},
		"/tasks?queue=mail":                          {"email:welcome", "{&#34;to&#34;:&#34;ada&#34;}"},
		"/tasks?state=failed":                        {"dial 10.0.0.1: refused", "no such user"},
		"/tasks?state=failed&error=DIAL&limit=1":     {"dial 10.0.0.1", "found 2."},
		"/tasks?state=failed&text=%22n%22":           {"found 3."},
		"/tasks?state=failed&name=x":                 {"None of these matches", "Looked at 3 of 3"},
		"/failed":                                    {"<b>2</b>", "dial …: refused", "no such user"},
		"/task?id=" + failed[2].ID.String():          {"no such user", "&#34;n&#34;: 1", `class="state failed"`},
		"/task?queue=mail&id=" + pending.ID.String(): {"none of the 0 servers", "&#34;to&#34;: &#34;ada&#34;"},
		"/servers":                                   {"No server is alive"},
		"/schedules":                                 {"chedule"},
	} {
		r.want(r.get(address), wants...)
	}
}

func TestMounting(t *testing.T) {
	t.Parallel()
	r := newRig(t, dashboard.Options{})
	mux := http.NewServeMux()
	mux.Handle("/whole/", r.handler)
	mux.Handle("/cut/", http.StripPrefix("/cut", r.handler))
	mux.Handle("/bare/x", http.StripPrefix("/bare/x", r.handler))
	for path, want := range map[string]int{
		"/whole/": 200, "/whole/tasks": 200, "/whole/app.css": 200, "/whole/nothing": 404,
		"/cut/": 200, "/cut/servers": 200, "/bare/x": 301,
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want || want == 301 && w.Header().Get("Location") != "x/" {
			t.Errorf("%s: %d, location %q, want %d", path, w.Code, w.Header().Get("Location"), want)
		}
	}
	absolute := regexp.MustCompile(`(?:href|src|action)="(?:/|https?:)[^"]*"`)
	for _, page := range []string{"/", "/tasks", "/failed", "/servers", "/schedules"} {
		if found := absolute.FindString(r.get(page)); found != "" {
			t.Errorf("%s has %s, which is lost under a prefix", page, found)
		}
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	r := newRig(t, dashboard.Options{})
	seen := make(map[string]bool)
	for _, path := range []string{"/", "/nothing", "/app.js", "/act", "/tasks?limit=0"} {
		w := r.do(httptest.NewRequest(http.MethodGet, path, nil))
		policy := w.Header().Get("Content-Security-Policy")
		r.want(policy, "default-src 'none'", "script-src 'nonce-", "style-src 'nonce-", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'")
		if strings.Contains(policy, "unsafe") || seen[policy] {
			t.Errorf("%s has the policy %s", path, policy)
		}
		seen[policy] = true
		for header, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", path, header, got, want)
			}
		}
		nonce := regexp.MustCompile(`'nonce-([^']+)'`).FindStringSubmatch(policy)[1]
		for _, tag := range regexp.MustCompile(`<(?:script|link rel="stylesheet"|style)[^>]*>`).FindAllString(w.Body.String(), -1) {
			r.want(tag, `nonce="`+nonce+`"`)
		}
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	r := newRig(t, dashboard.Options{})
	long := strings.Repeat("x", 300)
	for address, field := range map[string]string{
		"/tasks?limit=0": "limit", "/tasks?limit=201": "limit", "/tasks?limit=1e2": "limit", "/tasks?limit=-1": "limit",
		"/tasks?limit=99999999999999999999": "limit", "/tasks?state=lost": "state", "/tasks?cursor=x": "cursor",
		"/tasks?name=" + long: "name", "/tasks?error=%ff": "error", "/tasks?queue=" + long: "queue", "/tasks?queue=a%7Bb": "queue",
		"/?minutes=9": "minutes", "/?minutes=1441": "minutes", "/?from=-1": "from", "/?n=-1": "n", "/?did=x": "did", "/?did=retry&missed=9999": "missed",
		"/queue?queue=%00": "queue", "/queue?minutes=NaN": "minutes", "/task": "id", "/task?id=1": "id", "/failed?all=2": "all",
		"/failed?cursor=%20": "cursor", "/?x=%zz": "query", "/?x=" + strings.Repeat("x", 9000): "query",
		"/events?page=queue&minutes=1": "minutes",
	} {
		w := r.do(httptest.NewRequest(http.MethodGet, address, nil))
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), field+" must") {
			t.Errorf("%.60s: %d, want 400 for %s\n%s", address, w.Code, field, w.Body)
		}
	}
	id := uuid.NewString()
	many := []string{"do", "retry"}
	for range 201 {
		many = append(many, "id", uuid.NewString())
	}
	for field, form := range map[string][]string{
		"do": {"do", "explode"}, "id": many, "priority": {"do", "priority", "id", id, "priority", "256"}, "back": {"do", "pause", "back", "https://example.org/"},
		"schedule": {"do", "remove-schedule", "confirmed", "yes"}, "per_second": {"do", "retry-group", "name", "x", "per_second", "-1"}, "name": {"do", "retry-group"}, "queue": {"do", "pause", "queue", "{}"},
	} {
		if w := r.post(form...); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), field+" must") {
			t.Errorf("%.60v: %d, want 400 for %s\n%s", form, w.Code, field, w.Body)
		}
	}
	for _, back := range []string{"//example.org", "javascript:alert(1)", "/etc", "../x", "act", "app.js", `\\example.org`, "http:tasks"} {
		if w := r.post("do", "pause", "back", back); w.Code != http.StatusBadRequest {
			t.Errorf("back to %s: %d", back, w.Code)
		}
	}
	if w := r.post("do", "pause", "pad", strings.Repeat("x", 300<<10)); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a large form: %d, want 413", w.Code)
	}
}

func TestActions(t *testing.T) {
	t.Parallel()
	r := newRig(t, dashboard.Options{Authenticate: func(*http.Request) (string, bool) { return "ada", true }})
	failed := r.fail("refused 1", "refused 2", "other", "other still")
	at := func(i int) string { return failed[i].ID.String() }

	to := r.done("do", "retry", "id", at(0), "id", at(1), "back", "tasks?state=failed")
	if r.count("default", task.StatusPending) != 2 || to != "tasks?did=retry&n=2&state=failed" {
		t.Errorf("retried: %d pending, back to %s", r.count("default", task.StatusPending), to)
	}
	r.want(r.get("/"+to), "Set to run 2 tasks.")
	r.done("do", "priority", "id", at(0), "priority", "200")
	if got, err := r.client.Get(t.Context(), failed[0]); err != nil || got.Priority != 200 {
		t.Errorf("priority: %v, %v", got, err)
	}

	for _, ask := range []string{"cancel", "delete"} {
		w := r.post("do", ask, "id", at(1), "back", "tasks")
		if w.Code != http.StatusOK || r.count("default", task.StatusPending) != 2 {
			t.Fatalf("%s without a confirmation: %d, %d pending", ask, w.Code, r.count("default", task.StatusPending))
		}
		r.want(w.Body.String(), at(1), `name="confirmed" value="yes"`, `name="do" value="`+ask+`"`)
	}
	r.done("do", "cancel", "id", at(1), "confirmed", "yes")
	r.done("do", "delete", "id", at(0), "confirmed", "yes")
	if r.count("default", task.StatusCancelled) != 1 || r.count("default", task.StatusPending) != 0 {
		t.Error("not cancelled and deleted")
	}
	to = r.done("do", "delete", "id", at(0), "id", at(1), "confirmed", "yes")
	r.want(r.get("/"+to), "Deleted 1 task. 1 task had moved on")

	r.done("do", "retry-group", "name", "send", "fingerprint", "other", "per_second", "0.5")
	if w := r.post("do", "delete-group", "name", "send", "fingerprint", "other still"); w.Code != http.StatusOK || r.count("default", task.StatusFailed) != 1 {
		t.Errorf("delete-group without a confirmation: %d", w.Code)
	}
	r.done("do", "delete-group", "name", "send", "fingerprint", "other still", "confirmed", "yes")
	if n := r.count("default", task.StatusFailed); n != 0 {
		t.Errorf("%d are still failed", n)
	}
	r.done("do", "pause", "queue", "default")
	r.want(r.get("/queue"), "This queue is paused", ">Resume</button>")
	r.done("do", "resume")
	r.want(r.get("/queue"), ">Pause</button>")
	r.want(r.log.String(), `user=ada action=retry queue=default changed=2`, at(0), "outcome=done", "action=delete-group", `fingerprint="other still"`, "action=pause",
		"changed=1 ids=", "level=WARN")
}

func TestScheduleActions(t *testing.T) {
	t.Parallel()
	r := newRig(t, dashboard.Options{})
	r.fail("refused") // makes the queue known
	if _, err := r.Join(t.Context(), "default", "a digest"); err != nil {
		t.Fatal(err)
	}
	form := func(do string, more ...string) []string {
		return append([]string{"do", do, "schedule", "a digest", "queue", "default", "back", "schedules"}, more...)
	}
	r.want(r.get("/schedules"), "a digest", ">Remove…</button>")
	to := r.done(form("pause-schedule")...)
	r.want(r.get("/"+to), "Paused 1 schedule.", ">Resume</button>")
	to = r.done(form("resume-schedule")...)
	r.want(r.get("/"+to), "Resumed 1 schedule.", ">Pause</button>")
	w := r.post(form("remove-schedule")...)
	r.want(w.Body.String(), "Remove schedule a digest of queue default?", `name="confirmed" value="yes"`, ">Remove</button>", `name="schedule" value="a digest"`)
	if w.Code != http.StatusOK || !strings.Contains(r.get("/schedules"), "a digest") {
		t.Errorf("removed without a confirmation: %d", w.Code)
	}
	to = r.done(form("remove-schedule", "confirmed", "yes")...)
	r.want(r.get("/"+to), "Removed 1 schedule.", "No schedule was joined yet.")
	r.want(r.log.String(), "action=remove-schedule", `schedule="a digest"`, "outcome=done")
}

func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	r := newRig(t, dashboard.Options{})
	for header, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		request := httptest.NewRequest(http.MethodPost, "/act", strings.NewReader("do=pause"))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set(header, value)
		if w := r.do(request); w.Code != http.StatusForbidden {
			t.Errorf("%s: %s: %d", header, value, w.Code)
		}
	}
	if info, err := r.Queue(t.Context(), "default"); err != nil || info.Paused {
		t.Errorf("paused: %v, %v", info.Paused, err)
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		request := httptest.NewRequest(method, "/act?do=pause", nil)
		request.Header.Set("Sec-Fetch-Site", "same-origin")
		if w := r.do(request); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
}

func TestReader(t *testing.T) {
	t.Parallel()
	r := newRig(t, dashboard.Options{Role: func(*http.Request, string) dashboard.Role { return dashboard.Reader }})
	failed := r.fail("refused")
	for _, page := range []string{"/", "/queue", "/tasks?state=failed", "/failed", "/task?id=" + failed[0].ID.String(), "/schedules"} {
		if text := r.get(page); strings.Contains(text, `method="post" action="act"><input`) || strings.Contains(text, `name="do"`) {
			t.Errorf("%s offers a change:\n%s", page, text)
		}
	}
	for _, do := range []string{"retry", "cancel", "delete", "priority", "pause", "resume", "retry-group", "delete-group", "pause-schedule", "resume-schedule", "run-schedule", "remove-schedule", "nonsense"} {
		w := r.post("do", do, "id", failed[0].ID.String(), "name", "send", "fingerprint", "refused", "priority", "1", "confirmed", "yes")
		if w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", do, w.Code)
		}
	}
	if r.count("default", task.StatusFailed) != 1 {
		t.Error("something was changed")
	}
	r.want(r.log.String(), "action=delete-group", "outcome=forbidden")
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	who := func(q *http.Request) (string, bool) {
		user, password, _ := q.BasicAuth()
		return user, password == "secret"
	}
	for name, opts := range map[string]dashboard.Options{
		"401": {Authenticate: who},
		"303": {Authenticate: who, Unauthorized: http.RedirectHandler("/login", http.StatusSeeOther)},
	} {
		r := newRig(t, opts)
		for _, path := range []string{"/", "/tasks", "/app.js", "/events?page=", "/nothing"} {
			if w := r.do(httptest.NewRequest(http.MethodGet, path, nil)); fmt.Sprint(w.Code) != name {
				t.Errorf("%s: %d, want %s", path, w.Code, name)
			}
		}
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.SetBasicAuth("ada", "secret")
		w := r.do(request)
		if w.Code != http.StatusOK {
			t.Errorf("let in: %d", w.Code)
		}
		r.want(w.Body.String(), "<bdi>ada</bdi>")
	}
	r := newRig(t, dashboard.Options{Role: func(*http.Request, string) dashboard.Role { return 0 }})
	if w := r.do(httptest.NewRequest(http.MethodGet, "/", nil)); w.Code != http.StatusForbidden {
		t.Errorf("without a role: %d", w.Code)
	}
}

// TestDefaultRole: who is not known may look, and no more.
func TestDefaultRole(t *testing.T) {
	t.Parallel()
	b := memory.New(nil)
	defer b.Close()
	for want, opts := range map[int]*dashboard.Options{
		http.StatusForbidden: nil,
		http.StatusSeeOther:  {Authenticate: func(*http.Request) (string, bool) { return "ada", true }},
	} {
		if opts != nil {
			opts.Logger = slog.New(slog.DiscardHandler)
		}
		request := httptest.NewRequest(http.MethodPost, "/act", strings.NewReader("do=pause"))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		dashboard.New(b, opts).ServeHTTP(w, request)
		if w.Code != want {
			t.Errorf("%d, want %d", w.Code, want)
		}
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	r := newRig(t, dashboard.Options{Redact: func(t *task.Task) { t.Payload = []byte("(hidden)") }})
	tasks := r.enqueue(task.New("pay", []byte("card 4111")))
	for _, page := range []string{"/tasks", "/tasks?text=4111", "/task?id=" + tasks[0].ID.String()} {
		if text := r.get(page); strings.Contains(text, "card") {
			t.Errorf("%s shows the payload:\n%s", page, text)
		}
	}
	r.want(r.get("/tasks?text=4111"), "found 0.")
	r.want(r.get("/tasks"), "(hidden)")
}

// blind is a broker that offers nothing but the hot path.
type blind struct{ broker.Broker }

// terse is one that can be looked into, but keeps no figures.
type terse struct {
	broker.Broker
	broker.Inspector
}

func TestBrokersThatOfferLess(t *testing.T) {
	t.Parallel()
	r := newRig(t, dashboard.Options{})
	failed := r.fail("refused")
	r.handler = dashboard.New(blind{r.Broker}, &dashboard.Options{Role: operator})
	if w := r.do(httptest.NewRequest(http.MethodGet, "/", nil)); w.Code != http.StatusNotImplemented {
		t.Errorf("blind: %d", w.Code)
	}
	r.handler = dashboard.New(terse{r.Broker, r.Broker}, &dashboard.Options{Role: operator})
	r.want(r.get("/"), "keeps no figures")
	r.want(r.get("/task?id="+failed[0].ID.String()), "refused")
	r.want(r.get("/servers"), "does not know of servers")
	r.want(r.get("/schedules"), "does not know of schedules")
}

func TestClosedBroker(t *testing.T) {
	t.Parallel()
	r := newRig(t, dashboard.Options{})
	r.Close()
	w := r.do(httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
	id := uuid.NewString()
	if w := r.post("do", "retry", "id", id); w.Code != http.StatusServiceUnavailable {
		t.Errorf("an action: %d\n%s", w.Code, w.Body)
	}
}

func TestGone(t *testing.T) {
	t.Parallel()
	r := newRig(t, dashboard.Options{})
	r.enqueue(task.New("x", nil))
	w := r.do(httptest.NewRequest(http.MethodGet, "/task?id="+uuid.NewString(), nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
}
