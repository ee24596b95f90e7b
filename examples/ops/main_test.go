package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestRun watches the fleet complete a task, and shuts down while somebody looks.
func TestRun(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	output, stdout := io.Pipe()
	stopped := make(chan error, 1)
	go func() {
		stopped <- run(ctx, []string{"-port", "0", "-every", "1ms"}, stdout, io.Discard)
		stdout.Close()
	}()
	line, err := bufio.NewReader(output).ReadString('\n')
	address, found := strings.CutPrefix(strings.TrimSpace(line), "Listening on ")
	if !found {
		stop()
		t.Fatalf("run said %q (%v), and returned %v", line, err, <-stopped)
	}
	answer, err := http.Get(address + "events?page=queue&queue=mail")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	state := ""
	for lines := bufio.NewScanner(answer.Body); lines.Scan() && state == ""; {
		if line := lines.Text(); strings.Contains(line, "<span>completed</span>") && !strings.Contains(line, "<b>0</b><span>completed</span>") {
			state = line
		}
	}
	if state == "" {
		t.Error("the stream has ended before anything completed")
	}
	stop()
	if err := <-stopped; err != nil {
		t.Errorf("run returned %v", err)
	}
}

func TestBadCommandLines(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-port 65536": "-port: must be 0 to 65535",
		"-port x":     "-port",
		"-every 0s":   "-every: must be at least 1ms",
		"fleet":       `unexpected argument "fleet"`,
	} {
		err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) || exitCode(err) != 2 {
			t.Errorf("%s: %v, exit code %d; want %q, exit code 2", args, err, exitCode(err), want)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	var stdout bytes.Buffer
	if err := run(t.Context(), []string{"-h"}, &stdout, io.Discard); exitCode(err) != 0 || !strings.Contains(stdout.String(), "-port") {
		t.Errorf("-h: %v, exit code %d\n%s", err, exitCode(err), stdout.String())
	}
}
