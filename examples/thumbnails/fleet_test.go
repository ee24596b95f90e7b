package main

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
)

// tally gets the logs of several workers. It is closed once it has read so many
// ends of tasks.
type tally struct {
	mu    sync.Mutex
	log   bytes.Buffer
	wants int
	full  func()
}

func (l *tally) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes.Contains(line, []byte("thumbnail made")) || bytes.Contains(line, []byte("task failed")) {
		if l.wants--; l.wants == 0 {
			l.full()
		}
	}
	return l.log.Write(line)
}

func TestFleet(t *testing.T) {
	t.Parallel()
	redis := miniredis.RunT(t)
	address, out := "redis://"+redis.Addr(), t.TempDir()
	ctx, signal := context.WithCancel(t.Context())
	defer signal()

	logs := &tally{wants: 5, full: signal} // four pictures and a truncated one
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			if err := run(ctx, []string{"-broker", address, "-role", "work"}, io.Discard, logs); err != nil {
				t.Errorf("worker: %v", err)
			}
		})
	}
	var stdout bytes.Buffer
	if err := run(ctx, []string{"-broker", address, "-role", "enqueue", "-dir", gallery(t), "-out", out, "-size", "40"}, &stdout, io.Discard); err != nil {
		t.Error(err)
		signal()
	}
	workers.Wait()

	if want := "Enqueued 5 pictures"; !strings.Contains(stdout.String(), want) {
		t.Errorf("enqueue said %q, want %q", stdout.String(), want)
	}
	wantBounds(t, filepath.Join(out, "a.gif.thumb.jpg"), 40, 20)
	wantBounds(t, filepath.Join(out, "b.jpg.thumb.jpg"), 20, 40)
	wantBounds(t, filepath.Join(out, "below", "c.png.thumb.jpg"), 40, 40)
	wantBounds(t, filepath.Join(out, "below", "d.PNG.thumb.jpg"), 8, 4)
	for _, want := range []string{`error="simulated outage"`, `error="decode: `, "attempt=2"} {
		if !strings.Contains(logs.log.String(), want) {
			t.Errorf("the logs lack %q\n%s", want, logs.log.String())
		}
	}
}
