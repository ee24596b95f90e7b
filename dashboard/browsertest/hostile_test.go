package browsertest

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/dashboard"
	"github.com/nex-gen-tech/jobsy/task"
)

// evils are texts that want to be more than text. Each sets window.hit, if it
// gets to run.
var evils = []string{
	`<script>window.hit=1</script>`,
	`"><img src=x onerror=window.hit=1>`,
	`'"--></style></script><svg onload=window.hit=1>`,
	`javascript:window.hit=1`,
	`</bdi></td></table><iframe srcdoc="<script>parent.hit=1</script>">`,
	`<a href="javascript:window.hit=1" autofocus onfocus="window.hit=1">x</a>`,
	`<base href="https://evil.example/"><meta http-equiv="refresh" content="0;url=https://evil.example/">`,
	`<form action="https://evil.example/"><button>`,
	`<style>*{display:none}</style><link rel=stylesheet href=//evil.example/x.css>`,
	"user\u202egnp.exe\u2066\u200f",
	"`${window.hit=1}` \\u003cscript\\u003ewindow.hit=1\\u003c/script\\u003e",
	`&lt;script&gt;window.hit=1&lt;/script&gt;`,
}

// raw are those that names may not have: control characters.
var raw = []string{"\x00\x07\x1b[2J\x1b]0;x\x07\r\n\u0085\u2028", "event: live\ndata: <script>window.hit=1</script>\n\n", strings.Repeat("<b>", 300_000)}

func testHostile(t *testing.T, browser context.Context) {
	s := &stock{Broker: memory.New(nil), now: time.Now()}
	defer s.Close()
	var failed []*task.Task
	queue := "<script>window.hit=1</script>\u202e"
	for _, evil := range append(evils, raw...) {
		name := evil
		if strings.ContainsAny(evil, "\x00\n") || len(evil) > 255 {
			name = "x"
		}
		e := task.New(name, []byte(evil))
		e.Queue, e.Headers = queue, map[string]string{name: name}
		failed = append(failed, e)
	}
	for _, err := range s.Enqueue(t.Context(), failed) {
		if err != nil {
			t.Fatal(err)
		}
	}
	leases, err := s.Lease(t.Context(), broker.LeaseRequest{Worker: evils[0], Queues: []string{queue}, Max: len(failed), Duration: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	outcomes := make([]broker.Outcome, len(leases))
	for i, l := range leases {
		e, text := l.Task.Clone(), string(l.Task.Payload)
		e.LastError, e.Result = text, []byte(text)
		e.Progress = task.Progress{Fraction: 0.5, Text: "<img src=x onerror=window.hit=1>", At: time.Now()}
		broker.AddRun(e, task.Run{Attempt: 1, Worker: text, Error: text, Stack: text})
		outcomes[i] = broker.Outcome{Lease: l, Task: e, Status: task.StatusFailed, Keep: time.Hour}
	}
	if err := errors.Join(s.Settle(t.Context(), outcomes)...); err != nil {
		t.Fatal(err)
	}
	info := broker.ServerInfo{Name: evils[1], Host: evils[2], Version: evils[0], Concurrency: -5, Busy: 1 << 40, Queues: map[string]int{queue: 1}, Handlers: evils,
		Running: []broker.RunningTask{{ID: failed[0].ID, Name: evils[1], Queue: queue}}}
	if err := s.Beat(t.Context(), info, time.Hour); err != nil {
		t.Fatal(err)
	}

	home := serveDashboard(t, s, &dashboard.Options{})
	p := open(t, browser, wide)
	q := url.Values{"queue": {queue}}.Encode()
	pages := []string{"", "queue?" + q, "tasks?state=failed&" + q, "failed?" + q, "servers", "schedules", "tasks?state=failed&text=hit&" + q}
	for _, e := range failed {
		pages = append(pages, "task?id="+e.ID.String()+"&"+q)
	}
	for _, evil := range evils {
		v := url.QueryEscape(evil)
		pages = append(pages, "tasks?name="+v+"&error="+v+"&text="+v+"&state=failed&"+q)
	}
	for _, page := range pages {
		p.visit(home + page)
		p.unharmed(page)
		if p.has("[data-stream]") {
			p.await(`document.querySelector("#pause").dataset.state === "live"`)
			p.unharmed(page + ", live")
		}
	}
	p.visit(home + "failed?" + q)
	p.do(chromedp.Click(`.group button[value="delete-group"]`), chromedp.WaitVisible(`button[value="yes"]`))
	p.unharmed("the confirmation")

	for _, evil := range append(evils, raw[:2]...) {
		for _, page := range []string{"tasks?state=", "tasks?limit=", "tasks?cursor=", "queue?queue={", "?did=", "?minutes=", "task?id=", "failed?all=", "events?page=", "nothing?x="} {
			p.do(chromedp.Navigate(home+page+url.QueryEscape(evil)), chromedp.WaitReady("main"))
			p.unharmed(page + evil)
			for _, c := range p.forgive() {
				if !strings.Contains(c, "Failed to load resource") { // that is the 400
					t.Errorf("%s%q: the browser complains: %s", page, evil, c)
				}
			}
		}
	}
}

// unharmed fails the test if something ran, or broke out of its place.
func (p *tab) unharmed(page string) {
	p.Helper()
	broken := eval[string](p, `window.hit ? "something ran" :
		document.querySelector("main iframe, main script, main style, main base, main img, main link, main meta") ? "an element was smuggled in" :
		document.querySelectorAll("body > header, body > main, body > footer").length !== 3 ? "the page is torn apart" :
		[...document.querySelectorAll("[href], [action]")].some((e) => new URL(e.href?.baseVal ?? e.href ?? e.action, location).origin !== location.origin) ? "something leads away" :
		[...document.querySelectorAll("*")].some((e) => [...e.attributes].some((a) => a.name.startsWith("on") || a.name === "style" || a.name === "srcdoc")) ? "a handler was smuggled in" :
		/[\u202a-\u202e\u2066-\u2069\u200e\u200f\u0000-\u0008\u001b]/.test(document.body.innerText) ? "something is not visible" : ""`)
	if broken != "" {
		p.Errorf("%s: %s", page, broken)
	}
}

// testPolicy: what a page does not come with does not run, even if it gets in.
func testPolicy(t *testing.T, browser context.Context) {
	s := newStock(t)
	home := serveDashboard(t, s, &dashboard.Options{})
	p := open(t, browser, wide)
	p.visit(home)
	p.do(chromedp.Evaluate(`for (const html of ['<img src=x onerror=window.hit=1>', '<script>window.hit=1</`+`script>', '<iframe srcdoc="<script>parent.hit=1</`+`script>"></iframe>']) {
		document.querySelector("main").append(document.createRange().createContextualFragment(html));
	}`, nil))
	p.await(`document.querySelector("main img").complete`)
	if eval[bool](p, "!!window.hit") {
		t.Error("what was smuggled in ran")
	}
	if len(p.forgive()) == 0 {
		t.Error("the browser has refused nothing")
	}
}
