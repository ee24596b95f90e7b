package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestRun sends a letter over the network, follows it, and shuts down.
func TestRun(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	output, stdout := io.Pipe()
	stopped := make(chan error, 1)
	go func() {
		stopped <- run(ctx, []string{"-addr", "127.0.0.1:0", "-work", "1ms"}, stdout, io.Discard)
		stdout.Close()
	}()
	line, err := bufio.NewReader(output).ReadString('\n')
	address, found := strings.CutPrefix(strings.TrimSpace(line), "Listening on ")
	if !found {
		stop()
		t.Fatalf("run said %q (%v), and returned %v", line, err, <-stopped)
	}

	answer, err := http.PostForm(address+"/letters", url.Values{"to": {"Ada"}})
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	page := address + answer.Header.Get("Location")
	for body := ""; !strings.Contains(body, "status completed"); body = fetch(t, page) {
		if strings.Contains(body, "status failed") {
			t.Fatal(body)
		}
	}
	stop()
	if err := <-stopped; err != nil {
		t.Errorf("run returned %v", err)
	}
}

func fetch(t *testing.T, page string) string {
	t.Helper()
	answer, err := http.Get(page)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s answered %s (%v)\n%s", page, answer.Status, err, body)
	}
	return string(body)
}

func TestBadCommandLines(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-work -1s":                "-work: must not be negative",
		"-work long":               "-work",
		"-broker amqp://localhost": "-broker: address must be a redis",
		"-nonsense":                "-nonsense",
		"letters":                  `unexpected argument "letters"`,
	} {
		err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) || exitCode(err) != 2 {
			t.Errorf("%s: %v, exit code %d; want %q, exit code 2", args, err, exitCode(err), want)
		}
	}
	if err := run(t.Context(), []string{"-addr", "nowhere:x"}, io.Discard, io.Discard); exitCode(err) != 1 {
		t.Errorf("a bad address: %v, exit code %d; want 1", err, exitCode(err))
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	var stdout bytes.Buffer
	if err := run(t.Context(), []string{"-h"}, &stdout, io.Discard); exitCode(err) != 0 || !strings.Contains(stdout.String(), "-addr") {
		t.Errorf("-h: %v, exit code %d\n%s", err, exitCode(err), stdout.String())
	}
}
