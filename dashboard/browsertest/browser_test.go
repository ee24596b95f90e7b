package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience bounds what a test does in one tab.
const patience = 60 * time.Second

// findBrowser returns the path of Chromium. Without one the test is skipped or,
// with CI=true, fails.
func findBrowser(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("chromium is not installed, and with CI=true it must be")
	}
	t.Skip("chromium is not installed")
	return ""
}

// startBrowser starts a browser that ends with the test.
func startBrowser(t testing.TB) context.Context {
	t.Helper()
	options := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	options = append(options,
		chromedp.ExecPath(findBrowser(t)), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("hide-scrollbars", true),
	)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil { // which waits for its end
			t.Log("close the browser:", err)
		}
		closeBrowser()
		stop()
	})
	if err := chromedp.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// look is how a page is looked at.
type look struct {
	width, height int64
	scheme        string // "light" or "dark"
	noScript      bool
}

var (
	wide  = look{width: 1280, height: 860, scheme: "light"}
	phone = look{width: 390, height: 844, scheme: "light"}
)

func (l look) dark() look {
	l.scheme = "dark"
	return l
}

// tab is one page in a browser. It notes all that the browser complains of.
type tab struct {
	testing.TB
	ctx context.Context

	mu         sync.Mutex
	complaints []string
}

// open opens a tab that ends with the test, which fails if the browser had
// anything to complain of.
func open(t testing.TB, browser context.Context, l look) *tab {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(browser)
	ctx, cancel := context.WithTimeout(ctx, patience)
	p := &tab{TB: t, ctx: ctx}
	t.Cleanup(func() {
		cancel()
		closeTab()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range p.complaints {
			t.Error("the browser complains:", c)
		}
	})
	chromedp.ListenTarget(ctx, p.listen)
	p.do(
		log.Enable(), runtime.Enable(),
		emulation.SetDeviceMetricsOverride(l.width, l.height, 1, l.width < 600),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: l.scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}),
		emulation.SetScriptExecutionDisabled(l.noScript),
	)
	return p
}

func (p *tab) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		p.complain("console: %s %v", e.Type, e.Args)
	case *runtime.EventExceptionThrown:
		p.complain("exception: %s", e.ExceptionDetails.Error())
	case *log.EventEntryAdded:
		p.complain("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL)
	}
}

func (p *tab) complain(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complaints = append(p.complaints, fmt.Sprintf(format, args...))
}

// forgive forgets what the browser has complained of so far.
func (p *tab) forgive() (had []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	had, p.complaints = p.complaints, nil
	return had
}

func (p *tab) do(actions ...chromedp.Action) {
	p.Helper()
	if err := chromedp.Run(p.ctx, actions...); err != nil {
		p.Fatal(err)
	}
}

// visit goes to a page, and waits until it has been read.
func (p *tab) visit(address string) {
	p.Helper()
	p.do(chromedp.Navigate(address), chromedp.WaitReady("main"))
}

// text returns what is read in an element.
func (p *tab) text(selector string) (text string) {
	p.Helper()
	p.do(chromedp.Text(selector, &text, chromedp.ByQuery))
	return text
}

// eval returns what an expression of script says.
func eval[T any](p *tab, expression string) (value T) {
	p.Helper()
	p.do(chromedp.Evaluate(expression, &value))
	return value
}

// has reports whether there is an element.
func (p *tab) has(selector string) bool {
	p.Helper()
	return eval[bool](p, fmt.Sprintf("!!document.querySelector(%q)", selector))
}

// await waits until an expression of script is true.
func (p *tab) await(expression string) {
	p.Helper()
	err := chromedp.Run(p.ctx, chromedp.Poll(expression, nil, chromedp.WithPollingTimeout(20*time.Second)))
	if err != nil {
		p.Fatalf("%s: %v\n%s", expression, err, p.text("body"))
	}
}

// shot returns a picture of the window.
func (p *tab) shot() (picture []byte) {
	p.Helper()
	p.do(chromedp.CaptureScreenshot(&picture))
	return picture
}
