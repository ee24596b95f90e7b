package dashboard_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/dashboard"
	"github.com/nex-gen-tech/jobsy/task"
)

func TestStream(t *testing.T) {
	t.Parallel()
	r := newRig(t, dashboard.Options{Interval: 100 * time.Millisecond, MaxStreams: 1})
	r.enqueue(task.New("x", nil))
	web := httptest.NewServer(r.handler)
	defer web.Close()
	answer, err := http.Get(web.URL + "/events?page=queue&queue=default")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if kind := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || kind != "text/event-stream" {
		t.Fatalf("%s, %s", answer.Status, kind)
	}
	lines := bufio.NewScanner(answer.Body)
	await := func(part string) {
		t.Helper()
		for lines.Scan() {
			if line := lines.Text(); strings.Contains(line, part) {
				return
			} else if line != "" && !strings.HasPrefix(line, "data: ") && line != "event: live" && line[0] != ':' {
				t.Fatalf("a line that is none of an event: %q", line)
			}
		}
		t.Fatalf("the stream has ended before %q: %v", part, lines.Err())
	}
	await("<b>1</b><span>pending</span>")
	r.enqueue(task.New("x", nil))
	await("<b>2</b><span>pending</span>")

	second, err := http.Get(web.URL + "/events?page=")
	if err != nil {
		t.Fatal(err)
	}
	second.Body.Close()
	if second.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one stream too many: %s", second.Status)
	}
	r.Broker.Close()
	await("broker closed")
}

func TestStreamsOfPagesThatHaveNone(t *testing.T) {
	t.Parallel()
	r := newRig(t, dashboard.Options{})
	for address, want := range map[string]int{
		"/events?page=tasks": 404, "/events?page=nothing": 404, "/events?page=task&id=x": 400,
		"/events?page=task&id=0190b0ee-4e1c-7d53-8f0a-3f5b8f9a1c2d": 404,
	} {
		if w := r.do(httptest.NewRequest(http.MethodGet, address, nil)); w.Code != want {
			t.Errorf("%s: %d, want %d", address, w.Code, want)
		}
	}
}
