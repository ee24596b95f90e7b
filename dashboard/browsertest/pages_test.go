package browsertest

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/nex-gen-tech/jobsy/dashboard"
	"github.com/nex-gen-tech/jobsy/task"
)

// TestDashboard shares one browser among its parts.
func TestDashboard(t *testing.T) {
	t.Parallel()
	browser := startBrowser(t)
	for name, part := range map[string]func(*testing.T, context.Context){
		"pages": testPages, "phone": testPhone, "noscript": testNoScript, "live": testLive, "actions": testActions, "keyboard": testKeyboard,
		"hostile": testHostile, "policy": testPolicy, "reader": testReader,
	} {
		t.Run(name, func(t *testing.T) { part(t, browser) })
	}
}

// wants are texts that stand on each page of a stock.
func (s *stock) wants() map[string][]string {
	return map[string][]string{
		"":                    {"17\npending", "2\nrunning", "3\nretrying", "7\nscheduled", "23\nfailed", "350\ncompleted a minute", "enqueued 21,330", "1 server", "20,972", "paused", "307 ms"},
		"queue?queue=mail":    {"7\nscheduled", "12\npending", "2\nrunning", "3\nretrying", "40\ncompleted", "23\nfailed", "0\ncancelled", "email:receipt\t5,706\t1,201\t120", "email:welcome\t15,266\t90\t0"},
		"queue?queue=reports": {"5\npending", "This queue is paused", "Nothing ended"},
		"tasks?queue=mail":    {"pending 12", "failed 23", "email:welcome", `{"to":"user0@example.com"`},
		"failed":              {"mail 23", "11\n", "dial smtp …:…: connection refused", "order …: mailbox does not exist", "template …: unexpected end of input"},
		at(s.failed.ID):       {"template 22: unexpected end of input", "3 of 3", "worker-7f3a", "Stack", `"to": "user22@example.com"`, "traceparent"},
		at(s.runs.ID):         {"63 %", "630 of 1,000 letters", "running on worker-7f3a"},
		"servers":             {"1 alive, 2 of 8 slots busy", "worker-7f3a", "mail-01.example.net", "4711", "mail\u00a0×3"},
		"schedules":           {"digest", "0 9 * * MON-FRI Europe/Berlin", "email:digest"},
		"tasks?queue=mail&state=failed&error=MAILBOX":                         {"Looked at 23 of 23, found 11."},
		"task?queue=reports&id=" + s.waits.ID.String():                        {`queue "reports" is paused`, "report:monthly"},
		"tasks?queue=mail&state=scheduled&limit=3":                            {"email:digest", "Next 3"},
		"tasks?queue=mail&state=completed&text=user1%40example&did=retry&n=2": {"Set to run 2 tasks."},
	}
}

func (p *tab) want(texts ...string) {
	p.Helper()
	body := p.text("body")
	for _, text := range texts {
		if !strings.Contains(body, text) {
			p.Errorf("no %q in\n%s", text, body)
		}
	}
}

func testPages(t *testing.T, browser context.Context) {
	s := newStock(t)
	home := serveDashboard(t, s, &dashboard.Options{})
	p := open(t, browser, wide)
	for page, wants := range s.wants() {
		p.visit(home + page)
		p.want(wants...)
	}
}

// testPhone: nothing is wider than a narrow screen, but for what scrolls by
// itself.
func testPhone(t *testing.T, browser context.Context) {
	s := newStock(t)
	home := serveDashboard(t, s, &dashboard.Options{})
	p := open(t, browser, phone.dark())
	for page := range s.wants() {
		p.visit(home + page)
		if width := eval[int](p, "document.documentElement.scrollWidth"); width > int(phone.width) {
			t.Errorf("%s is %d wide", page, width)
		}
	}
	if back := eval[string](p, "getComputedStyle(document.body).backgroundColor"); back != "rgb(16, 21, 28)" {
		t.Errorf("in the dark it is %s", back)
	}
}

func testNoScript(t *testing.T, browser context.Context) {
	s := newStock(t)
	home := serveDashboard(t, s, &dashboard.Options{})
	l := wide
	l.noScript = true
	p := open(t, browser, l)
	for page, wants := range s.wants() {
		p.do(chromedp.Navigate(home + page))
		p.want(wants...)
	}
	p.do(chromedp.Navigate(home+"queue?queue=mail"), chromedp.Click(`button[value="pause"]`), chromedp.WaitVisible(`button[value="resume"]`))
	p.want("Paused 1 queue.", "This queue is paused")
}

func testLive(t *testing.T, browser context.Context) {
	s := newStock(t)
	home := serveDashboard(t, s, &dashboard.Options{})
	p := open(t, browser, wide)
	p.visit(home)
	p.await(`document.querySelector("#pause").dataset.state === "live"`)
	p.do(chromedp.Evaluate(`document.querySelector('a[href="queue?queue=mail"]').focus()`, nil))
	s.enqueue(t, 3, func(i int) *task.Task { return letter("email:welcome", i) })
	p.await(`document.querySelector('.tile b').textContent === "20"`)
	if focused := eval[string](p, "document.activeElement.textContent"); focused != "mail" {
		t.Errorf("the focus has moved to %q", focused)
	}
	p.do(chromedp.Click("#pause"))
	p.await(`document.querySelector("#pause").textContent === "Paused"`)
	s.enqueue(t, 1, func(i int) *task.Task { return letter("email:welcome", i) })
	p.do(chromedp.Click("#pause"))
	p.await(`document.querySelector('.tile b').textContent === "21"`)
}

func testActions(t *testing.T, browser context.Context) {
	s := newStock(t)
	home := serveDashboard(t, s, &dashboard.Options{})
	p := open(t, browser, wide)

	p.visit(home + "tasks?queue=mail&state=failed&error=template")
	p.do(chromedp.Click("[data-all]"), chromedp.Click(`button[value="retry"]`), chromedp.WaitVisible(".notice"))
	p.want("Set to run 1 task.", "failed 22", "pending 13")

	p.visit(home + at(s.failed.ID))
	p.do(chromedp.SetValue(`input[name="priority"]`, "200"), chromedp.Click(`button[value="priority"]`), chromedp.WaitVisible(".notice"))
	p.want("Changed the priority of 1 task.", "Priority\n200")
	p.do(chromedp.Click(`button[value="delete"]`), chromedp.WaitVisible(`button[value="yes"]`))
	p.want("Are you sure?", "Delete 1 task? This cannot be undone.", s.failed.ID.String())
	p.do(chromedp.Click(`button[value="yes"]`), chromedp.WaitVisible(".notice"))
	p.want("Deleted 1 task.", "pending 12")

	p.visit(home + "failed")
	p.do(chromedp.SetValue(`.group input[name="per_second"]`, "5"), chromedp.Click(`.group button[value="retry-group"]`), chromedp.WaitVisible(".notice"))
	p.want("Set to run 11 tasks.", "mail 11")
	p.do(chromedp.Click(`.group button[value="delete-group"]`), chromedp.WaitVisible(`button[value="yes"]`), chromedp.Click(`button[value="yes"]`), chromedp.WaitVisible(".notice"))
	p.want("Deleted 11 tasks.", "Nothing has failed")

	p.visit(home + "queue?queue=reports")
	p.do(chromedp.Click(`button[value="resume"]`), chromedp.WaitVisible(`button[value="pause"]`))
	p.want("Resumed 1 queue.")
	p.visit(home + "schedules")
	p.do(chromedp.Click(`button[value="pause-schedule"]`), chromedp.WaitVisible(`button[value="resume-schedule"]`))
	p.want("Paused 1 schedule.", "digest paused")
	p.do(chromedp.Click(`button[value="run-schedule"]`)) // there is a notice already
	p.do(chromedp.WaitVisible(`//*[contains(@class, "notice") and contains(., "Enqueued the task of 1 schedule.")]`, chromedp.BySearch))
	pending, _, err := s.Tasks(t.Context(), "mail", task.StatusPending, "", 100)
	if err != nil || !slices.ContainsFunc(pending, func(one *task.Task) bool { return one.Name == "email:digest" }) {
		t.Errorf("pending are %v, %v, want the task of the schedule among them", pending, err)
	}
	p.do(chromedp.Click(`button[value="remove-schedule"]`), chromedp.WaitVisible(`button[value="yes"]`))
	p.want("Remove schedule digest of queue mail?")
	p.do(chromedp.Click(`button[value="yes"]`), chromedp.WaitVisible(".notice"))
	p.want("Removed 1 schedule.", "No schedule was joined yet.")
}

func testKeyboard(t *testing.T, browser context.Context) {
	s := newStock(t)
	home := serveDashboard(t, s, &dashboard.Options{})
	p := open(t, browser, wide)
	p.visit(home)
	p.do(chromedp.KeyEvent("t"), chromedp.WaitVisible("[data-filter]"))
	p.do(input.DispatchKeyEvent(input.KeyDown).WithKey("/").WithText("/"), input.DispatchKeyEvent(input.KeyUp).WithKey("/"))
	p.do(chromedp.KeyEvent("welcome\r"), chromedp.WaitVisible(".filter a"))
	if search := eval[string](p, "location.search"); !strings.Contains(search, "name=welcome") {
		t.Errorf("filtered by %s", search)
	}
	p.visit(home)
	p.do(chromedp.KeyEvent("\t"))
	if first := eval[string](p, "document.activeElement.textContent"); first != "Skip to content" {
		t.Errorf("Tab goes to %q first", first)
	}
	p.do(chromedp.KeyEvent("\r"))
	p.await(`document.activeElement.id === "main"`)
	unnamed := eval[int](p, `[...document.querySelectorAll("a,button,input:not([type=hidden])")].filter((e) =>
		!(e.textContent.trim() || e.ariaLabel || e.labels?.length)).length`)
	if unnamed > 0 {
		t.Errorf("%d controls have no name", unnamed)
	}
}

func testReader(t *testing.T, browser context.Context) {
	s := newStock(t)
	home := serveDashboard(t, s, &dashboard.Options{Role: func(*http.Request, string) dashboard.Role { return dashboard.Reader }})
	p := open(t, browser, wide)
	for page := range s.wants() {
		p.visit(home + page)
		if n := eval[int](p, `document.querySelectorAll('[name="do"], [method="post"] button').length`); n > 0 {
			t.Errorf("%s offers %d changes", page, n)
		}
	}
	p.want("read-only")
	status := eval[int](p, `(() => { const r = new XMLHttpRequest(); r.open("POST", "act", false);
		r.setRequestHeader("Content-Type", "application/x-www-form-urlencoded"); r.send("do=pause&queue=mail"); return r.status; })()`)
	if status != http.StatusForbidden {
		t.Errorf("a change is answered with %d", status)
	}
	p.forgive() // 403 is told on the console
}
