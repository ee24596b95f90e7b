package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// fetch returns the status and the body of an answer. Host may be "".
func fetch(t *testing.T, url, host string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestDashboard(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.enqueue("mail", "work", 3)
	p := r.start("dashboard", "--listen", "127.0.0.1:0", "--json")
	if !p.out.Scan() {
		t.Fatal(p.said)
	}
	var at struct{ URL string }
	if err := json.Unmarshal(p.out.Bytes(), &at); err != nil {
		t.Fatal(err)
	}
	if status, body := fetch(t, at.URL, ""); status != http.StatusOK || !strings.Contains(body, "mail") {
		t.Errorf("it answers %d: %s", status, body)
	}
	if status, _ := fetch(t, at.URL, "localhost:1234"); status != http.StatusOK {
		t.Errorf("to localhost it answers %d", status)
	}
	if status, body := fetch(t, at.URL, "elsewhere.example"); status != http.StatusMisdirectedRequest || strings.Contains(body, "mail") {
		t.Errorf("to the name of another it answers %d: %s", status, body)
	}
	if code := p.interrupt(t, os.Interrupt); code != 0 {
		t.Errorf("it exits with %d and says %q", code, p.said)
	}
}

// A page that follows what happens does not keep the program from ending.
func TestDashboardEndsStreams(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.start("dashboard", "--listen", "localhost:0")
	p.await(t, "the dashboard is on http://127.0.0.1:")
	_, rest, _ := strings.Cut(p.out.Text(), "http://")
	address, _, _ := strings.Cut(rest, "/")
	response, err := http.Get("http://" + address + "/events?page=")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if kind := response.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("the stream is %s", kind)
	}
	if code := p.interrupt(t, os.Interrupt); code != 0 {
		t.Errorf("it exits with %d and says %q", code, p.said)
	}
}

func TestDashboardOnAllAddresses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.start("dashboard", "--listen", "0.0.0.0:0", "--unsafe-bind", "--operate")
	p.await(t, "the dashboard is on http://")
	if code := p.interrupt(t, os.Interrupt); code != 0 {
		t.Errorf("it exits with %d and says %q", code, p.said)
	}
}
