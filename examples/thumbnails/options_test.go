package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestBadCommandLines(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-concurrency 0":           "-concurrency: must be a number from 1 to 1024",
		"-size huge":               "-size: must be a number from 1 to 4096",
		"-role cook":               "-role: must be one of enqueue, work, both",
		"-role work":               "-role work needs a -broker",
		"-role enqueue":            "-role enqueue needs a -broker",
		"-broker amqp://localhost": "-broker: address must be a redis",
		"-faults=maybe":            "-faults",
		"-nonsense":                "-nonsense",
		"pictures":                 `unexpected argument "pictures"`,
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
	err := run(t.Context(), []string{"-h"}, &stdout, io.Discard)
	if exitCode(err) != 0 {
		t.Errorf("-h: %v, exit code %d", err, exitCode(err))
	}
	for _, flag := range []string{"-dir", "-out", "-size", "-broker", "-role", "-concurrency", "-faults"} {
		if !strings.Contains(stdout.String(), "  "+flag+" ") && !strings.Contains(stdout.String(), "  "+flag+"\n") {
			t.Errorf("the help lacks %s", flag)
		}
	}
}

func TestNoPictures(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{t.TempDir(), "no/such/folder"} {
		err := run(t.Context(), []string{"-dir", dir}, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "-dir") || exitCode(err) != 1 {
			t.Errorf("%s: %v, exit code %d; want a hint at -dir, exit code 1", dir, err, exitCode(err))
		}
	}
}
