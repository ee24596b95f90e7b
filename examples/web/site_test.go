package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// start returns the site with its workers, which take ten seconds for a letter.
// The test runs in a bubble, where they pass at once.
func start(t *testing.T) http.Handler {
	t.Helper()
	memory := memory.New(nil)
	server := newServer(memory, 10*time.Second, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan error)
	go func() { stopped <- server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-stopped, memory.Close()); err != nil {
			t.Error(err)
		}
	})
	return quietSite(memory).handler()
}

// quietSite is the site on a store.
func quietSite(s store) *site {
	return &site{client: jobsy.NewClient(s, nil), look: s, log: slog.New(slog.DiscardHandler)}
}

func get(site http.Handler, path string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	site.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
	return answer
}

func post(site http.Handler, form url.Values, header http.Header) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, "/letters", strings.NewReader(form.Encode()))
	for key, values := range header {
		request.Header[key] = values
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer := httptest.NewRecorder()
	site.ServeHTTP(answer, request)
	return answer
}

// send enqueues a letter as a program does, and returns the page to follow.
func send(t *testing.T, site http.Handler, form url.Values) string {
	t.Helper()
	answer := post(site, form, nil)
	if answer.Code != http.StatusAccepted || answer.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("answered %d %v %s, want 202 with JSON", answer.Code, answer.Header(), answer.Body)
	}
	var got accepted
	if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if _, err := uuid.Parse(got.ID); err != nil || got.Page != "/tasks/"+got.ID || answer.Header().Get("Location") != got.Page {
		t.Fatalf("answered %s with Location %q", answer.Body, answer.Header().Get("Location"))
	}
	return got.Page
}

var statusOnPage = regexp.MustCompile(`<p class="status (\w+)">(\w+)</p>`)

func wantPage(t *testing.T, site http.Handler, page, status string, refreshes bool, texts ...string) {
	t.Helper()
	answer := get(site, page)
	body := answer.Body.String()
	if found := statusOnPage.FindStringSubmatch(body); answer.Code != http.StatusOK || found == nil || found[1] != status || found[2] != status {
		t.Errorf("answered %d with status %q, want 200 with %s\n%s", answer.Code, found, status, body)
	}
	if got := strings.Contains(body, `http-equiv="refresh"`); got != refreshes {
		t.Errorf("the page of a %s task loads itself anew: %t, want %t", status, got, refreshes)
	}
	for _, text := range texts {
		if !strings.Contains(body, text) {
			t.Errorf("the page of a %s task lacks %q\n%s", status, text, body)
		}
	}
}

func TestFollowUntilCompleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		site := start(t)
		page := send(t, site, url.Values{"to": {"Ada"}})
		synctest.Wait()
		wantPage(t, site, page, "running", true, "Letter to Ada", "0 of at most 6")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		wantPage(t, site, page, "completed", false, "1 of at most 6")
	})
}

func TestFollowTroubleOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		site := start(t)
		page := send(t, site, url.Values{"to": {"Ada"}, "trouble": {"once"}})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		wantPage(t, site, page, "retrying", true, "1 of at most 6", errClosed.Error())
		time.Sleep(11 * time.Second) // the backoff is a second at most
		synctest.Wait()
		wantPage(t, site, page, "completed", false, "2 of at most 6")
	})
}

func TestFollowTroubleForGood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		site := start(t)
		page := send(t, site, url.Values{"to": {"Ada"}, "trouble": {"always"}})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		wantPage(t, site, page, "failed", false, "1 of at most 6", errNoAddress.Error())
	})
}

func TestBrowserIsLedToThePage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		site := start(t)
		answer := post(site, url.Values{"to": {"Ada"}}, http.Header{"Accept": {"text/html,*/*;q=0.8"}, "Sec-Fetch-Site": {"same-origin"}})
		if page := answer.Header().Get("Location"); answer.Code != http.StatusSeeOther || get(site, page).Code != http.StatusOK {
			t.Errorf("answered %d to %q, want 303 to a page", answer.Code, page)
		}
	})
}

func TestMarkupIsText(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		site := start(t)
		page := send(t, site, url.Values{"to": {`<script>alert("x")</script>`}})
		answer := get(site, page)
		if body := answer.Body.String(); strings.Contains(body, "<script") || !strings.Contains(body, "&lt;script&gt;") {
			t.Errorf("markup came through\n%s", body)
		}
		if policy := answer.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none';") {
			t.Errorf("the policy is %q", policy)
		}
	})
}

func TestRefused(t *testing.T) {
	t.Parallel()
	memory := memory.New(nil)
	defer memory.Close()
	site := quietSite(memory).handler()
	ada := url.Values{"to": {"Ada"}}
	for name, c := range map[string]struct {
		answer *httptest.ResponseRecorder
		code   int
	}{
		"nobody":       {post(site, url.Values{"to": {"  "}}, nil), http.StatusBadRequest},
		"long name":    {post(site, url.Values{"to": {strings.Repeat("a", 201)}}, nil), http.StatusBadRequest},
		"huge form":    {post(site, url.Values{"to": {"Ada"}, "x": {strings.Repeat("a", 1<<20)}}, nil), http.StatusBadRequest},
		"trouble":      {post(site, url.Values{"to": {"Ada"}, "trouble": {"lots"}}, nil), http.StatusBadRequest},
		"other origin": {post(site, ada, http.Header{"Sec-Fetch-Site": {"cross-site"}}), http.StatusForbidden},
		"no id":        {get(site, "/tasks/42"), http.StatusNotFound},
		"unknown id":   {get(site, "/tasks/"+uuid.NewString()), http.StatusNotFound},
		"unknown page": {get(site, "/nowhere"), http.StatusNotFound},
	} {
		if c.answer.Code != c.code {
			t.Errorf("%s: answered %d, want %d", name, c.answer.Code, c.code)
		}
	}
}

// away is a broker that cannot be reached.
type away struct{ store }

func (away) Enqueue(_ context.Context, tasks []*task.Task) []error {
	return []error{task.ErrUnavailable}
}

func (away) Task(context.Context, string, uuid.UUID) (*task.Task, error) {
	return nil, task.ErrUnavailable
}

func TestBrokerAway(t *testing.T) {
	t.Parallel()
	site := quietSite(away{}).handler()
	if answer := post(site, url.Values{"to": {"Ada"}}, nil); answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
		t.Errorf("enqueuing answered %d %v, want 503 with Retry-After", answer.Code, answer.Header())
	}
	if answer := get(site, "/tasks/"+uuid.NewString()); answer.Code != http.StatusServiceUnavailable {
		t.Errorf("following answered %d, want 503", answer.Code)
	}
}

func TestHome(t *testing.T) {
	t.Parallel()
	site := quietSite(away{}).handler()
	if home := get(site, "/"); home.Code != http.StatusOK || !strings.Contains(home.Body.String(), `<form method="post" action="/letters">`) {
		t.Errorf("answered %d %s", home.Code, home.Body)
	}
	if css := get(site, "/style.css"); css.Code != http.StatusOK || !strings.HasPrefix(css.Header().Get("Content-Type"), "text/css") {
		t.Errorf("the style is answered %d %v", css.Code, css.Header())
	}
}
