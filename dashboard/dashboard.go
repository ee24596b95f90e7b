package dashboard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

const (
	readTime = 10 * time.Second // the longest that a page is worked on
	actTime  = time.Minute      // the longest that a change is
)

// dashboard is the handler. All that it keeps are the streams of open pages.
type dashboard struct {
	Options
	broker  broker.Broker
	client  *jobsy.Client
	admin   *admin.Client
	look    broker.Inspector
	monitor broker.Monitor // nil: the broker is none
	planner broker.Planner // nil: the broker is none
	hub     *hub
	site    *site
	actions map[string]action
}

// New returns a handler with all pages of a broker. Nil opts are the defaults. A
// broker that is no broker.Inspector gets pages that say so; what else it is not
// is left out.
func New(b broker.Broker, opts *Options) http.Handler {
	d := &dashboard{Options: opts.withDefaults(), broker: b, client: jobsy.NewClient(b, nil), admin: admin.New(b, nil)}
	d.look, _ = b.(broker.Inspector)
	d.monitor, _ = b.(broker.Monitor)
	d.planner, _ = b.(broker.Planner)
	d.hub = newHub(d.MaxStreams, d.Interval)
	d.site, d.actions = newSite(), actions()
	return guard(http.HandlerFunc(d.serve))
}

// request is one request by somebody who was let in.
type request struct {
	*http.Request
	params
	user  string
	role  Role
	nonce string
}

// serve looks at the last part of the path alone, so that it does not matter
// where the dashboard is mounted.
func (d *dashboard) serve(w http.ResponseWriter, r *http.Request) {
	user, ok := d.Authenticate(r)
	switch {
	case !ok && d.Unauthorized != nil:
		d.Unauthorized.ServeHTTP(w, r)
		return
	case !ok:
		http.Error(w, "401 unauthorized", http.StatusUnauthorized)
		return
	case r.URL.Path == "":
		redirect(w, path.Base(strings.SplitN(r.RequestURI, "?", 2)[0])+"/", http.StatusMovedPermanently)
		return
	}
	req := &request{Request: r, user: user, role: d.Role(r, user), nonce: nonceOf(r)}
	if req.role != Reader && req.role != Operator {
		d.fail(w, req, errForbidden)
		return
	}
	if err := d.route(w, req); err != nil {
		d.fail(w, req, err)
	}
}

func (d *dashboard) route(w http.ResponseWriter, r *request) error {
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	if d.site.serveAsset(w, r.Request, name) {
		return nil
	}
	if name == "act" {
		return d.act(w, r)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return errMethod
	}
	if err := r.readQuery(); err != nil {
		return err
	}
	if name == "events" {
		return d.stream(w, r)
	}
	p := d.site.pages[name]
	if p == nil {
		return errNoPage
	}
	return d.page(w, r, p)
}

func (r *request) readQuery() error {
	if len(r.URL.RawQuery) > maxQuery {
		return &task.FieldError{Field: "query", Rule: fmt.Sprintf("must be at most %d bytes", maxQuery)}
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return &task.FieldError{Field: "query", Rule: "must be URL-encoded"}
	}
	r.values = values
	return nil
}

// page answers with a page as it is now.
func (d *dashboard) page(w http.ResponseWriter, r *request, p *page) error {
	ctx, cancel := context.WithTimeout(r.Context(), readTime)
	defer cancel()
	notice := d.notice(&r.params)
	data, err := d.load(ctx, p, &r.params)
	if err != nil {
		return err
	}
	s := d.shell(r, p.title)
	s.Page, s.Data, s.Notice = p.name, data, notice
	s.Self = self(p, r.values)
	if p.live {
		s.Stream = streamOf(p, r.values)
	}
	return render(w, http.StatusOK, p.template, s)
}

// load returns what a page shows, or the first error of what was asked for.
func (d *dashboard) load(ctx context.Context, p *page, q *params) (any, error) {
	if d.look == nil {
		return nil, errNoInspector
	}
	data, err := p.load(d, ctx, q)
	if q.err != nil {
		return nil, q.err
	}
	return data, err
}

// self is the address of a page without what tells of the last change.
func self(p *page, values url.Values) string {
	kept := make(url.Values)
	for key, value := range values {
		if key != "did" && key != "n" && key != "missed" {
			kept[key] = value
		}
	}
	return addressOf(p.name, kept)
}

func addressOf(name string, values url.Values) string {
	if name == "" {
		name = "./"
	}
	if len(values) == 0 {
		return name
	}
	return name + "?" + values.Encode()
}

func (d *dashboard) shell(r *request, title string) *shell {
	return &shell{Nonce: r.nonce, Title: title, User: r.user, CanAct: r.role == Operator}
}

// redirect goes to a relative address. http.Redirect would make it absolute by
// a path that a prefix was stripped from.
func redirect(w http.ResponseWriter, to string, code int) {
	w.Header().Set("Location", to)
	w.WriteHeader(code)
}

var (
	errForbidden   = errors.New("your role does not allow this")
	errMethod      = errors.New("this address does not take this method")
	errNoPage      = errors.New("there is no such page")
	errNoInspector = errors.New("this broker cannot be looked into: it is no broker.Inspector")
	errFull        = errors.New("too many pages are kept up to date already")
)

// codeOf is the status of an answer that tells of an error.
func codeOf(err error) int {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, task.ErrInvalid):
		return http.StatusBadRequest
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, errForbidden):
		return http.StatusForbidden
	case errors.Is(err, errNoPage), errors.Is(err, task.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, errMethod):
		return http.StatusMethodNotAllowed
	case errors.Is(err, errNoInspector):
		return http.StatusNotImplemented
	case errors.Is(err, errFull), errors.Is(err, task.ErrUnavailable), errors.Is(err, task.ErrClosed):
		return http.StatusServiceUnavailable
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

// fail answers with an error.
func (d *dashboard) fail(w http.ResponseWriter, r *request, err error) {
	if r.Context().Err() != nil {
		return // nobody listens
	}
	code := codeOf(err)
	if code == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", "GET, HEAD")
	}
	if code == http.StatusInternalServerError {
		d.Logger.Error("dashboard: cannot answer", slog.String("path", r.URL.Path), slog.Any("error", err))
	}
	s := d.shell(r, http.StatusText(code))
	s.Data = failure{code, err.Error()}
	if err := render(w, code, d.site.failure, s); err != nil {
		d.Logger.Error("dashboard: cannot show an error", slog.Any("error", err))
	}
}
