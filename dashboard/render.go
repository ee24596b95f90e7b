package dashboard

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"strings"
	"time"
)

//go:embed pages/*.html assets/*
var files embed.FS

// page is one that can be asked for by name.
type page struct {
	name, title string
	load        func(d *dashboard, ctx context.Context, q *params) (any, error)
	live        bool // it can follow what happens
	template    *template.Template
}

// shell is what is around each page.
type shell struct {
	Nonce, Page, Title, User string
	CanAct                   bool
	Stream                   string // where the page is kept up to date from; "": nowhere
	Self                     string // where the page is; "": it cannot be come back to
	Notice                   string
	Data                     any
}

type failure struct {
	Code int
	Text string
}

// site is all that is the same in every answer.
type site struct {
	pages            map[string]*page
	confirm, failure *template.Template
	assets           map[string]asset
}

func newSite() *site {
	s := &site{pages: make(map[string]*page), assets: make(map[string]asset)}
	s.addAsset("app.css", "text/css; charset=utf-8")
	s.addAsset("app.js", "text/javascript; charset=utf-8")
	s.addAsset("icon.svg", "image/svg+xml")
	s.confirm, s.failure = s.parse("confirm"), s.parse("error")
	s.add("overview", page{name: "", title: "Overview", load: (*dashboard).overview, live: true})
	s.add("queue", page{name: "queue", title: "Queue", load: (*dashboard).queue, live: true})
	s.add("tasks", page{name: "tasks", title: "Tasks", load: (*dashboard).tasks})
	s.add("task", page{name: "task", title: "Task", load: (*dashboard).task, live: true})
	s.add("failed", page{name: "failed", title: "Failed", load: (*dashboard).failed})
	s.add("servers", page{name: "servers", title: "Servers", load: (*dashboard).servers, live: true})
	s.add("schedules", page{name: "schedules", title: "Schedules", load: (*dashboard).schedules})
	return s
}

func (s *site) add(file string, p page) {
	p.template = s.parse(file)
	s.pages[p.name] = &p
}

func (s *site) parse(file string) *template.Template {
	t := template.New("shell.html").Funcs(template.FuncMap{
		"line": line, "lines": lines, "num": grouped[int], "num64": grouped[int64], "span": span, "since": since,
		"stamp": stamp, "bytes": sized, "link": link, "asset": s.address,
		"short": short, "has": func(at time.Time) bool { return !at.IsZero() },
	})
	return template.Must(t.ParseFS(files, "pages/shell.html", "pages/parts.html", "pages/"+file+".html"))
}

// render answers with a page, or, if that fails, with nothing yet.
func render(w http.ResponseWriter, code int, t *template.Template, s *shell) error {
	var body bytes.Buffer
	if err := t.Execute(&body, s); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = body.WriteTo(w) // who does not listen any more is not told
	return nil
}

// asset is a file that pages refer to.
type asset struct {
	data []byte
	kind string
	hash string
}

func (s *site) addAsset(name, kind string) {
	data, err := files.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	sum := sha256.Sum256(data)
	s.assets[name] = asset{data, kind, hex.EncodeToString(sum[:6])}
}

// address names the content of an asset as well, so that browsers may keep it.
func (s *site) address(name string) string { return name + "?v=" + s.assets[name].hash }

func (s *site) serveAsset(w http.ResponseWriter, r *http.Request, name string) bool {
	a, ok := s.assets[name]
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	w.Header().Set("Content-Type", a.kind)
	if strings.HasSuffix(r.URL.RawQuery, a.hash) {
		w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	}
	_, _ = w.Write(a.data)
	return true
}
