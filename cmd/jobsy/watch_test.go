package main

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// running is the program while it runs.
type running struct {
	*exec.Cmd
	out  *bufio.Scanner
	said *spoken
}

// spoken is what a program has said, while it speaks.
type spoken struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{} // a sign that there is more
}

func newSpoken() *spoken { return &spoken{more: make(chan struct{}, 1)} }

func (s *spoken) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
	return s.text.Write(b)
}

func (s *spoken) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// start starts the program; its output is read line by line.
func (r *rig) start(args ...string) *running {
	r.Helper()
	c := r.command(args...)
	out, err := c.StdoutPipe()
	if err != nil {
		r.Fatal(err)
	}
	p := &running{c, bufio.NewScanner(out), newSpoken()}
	c.Stderr = p.said
	if err := c.Start(); err != nil {
		r.Fatal(err)
	}
	return p
}

// await reads until a line has that in it.
func (p *running) await(t *testing.T, want string) {
	t.Helper()
	for p.out.Scan() {
		if strings.Contains(p.out.Text(), want) {
			return
		}
	}
	t.Fatalf("the output ended without %q: %s", want, p.said)
}

// interrupt sends what ctrl-c does, and returns the exit code.
func (p *running) interrupt(t *testing.T, signal os.Signal) int {
	t.Helper()
	if err := p.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	for p.out.Scan() { // to its end, or the program could not end
	}
	_ = p.Wait() // the exit code tells
	return p.ProcessState.ExitCode()
}

func TestWatch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.enqueue("mail", "work", 3)
	p := r.start("stats", "--watch", "--interval", "100ms")
	for range 3 { // once an interval
		p.await(t, "QUEUE")
		p.await(t, "mail")
	}
	r.enqueue("mail", "work", 4)
	p.await(t, " 7 ")
	if code := p.interrupt(t, os.Interrupt); code != 0 || p.said.String() != "" {
		t.Errorf("exits with %d and says %q", code, p.said)
	}
}

func TestWatchJSON(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.enqueue("mail", "work", 3)
	p := r.start("stats", "--watch", "--interval", "100ms", "--json")
	for range 3 {
		if !p.out.Scan() {
			t.Fatal(p.said)
		}
		r.value(p.out.Text() + "\n")
	}
	if code := p.interrupt(t, syscall.SIGTERM); code != 0 || p.said.String() != "" {
		t.Errorf("exits with %d and says %q", code, p.said)
	}
}

// A load that is interrupted leaves nothing behind.
func TestBenchInterrupted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.start("bench", "--tasks", "10000000")
	for n := 0; n == 0; { // the program is seen to enqueue, by the broker
		for _, count := range r.counts("jobsy-bench") {
			n += count
		}
	}
	code := p.interrupt(t, os.Interrupt)
	if code != 1 || !strings.Contains(p.said.String(), "interrupted") {
		t.Errorf("exits with %d and says %q", code, p.said)
	}
	if left := r.counts("jobsy-bench"); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}

// A live view outlives an outage of its broker.
func TestWatchOutage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := r.start("stats", "--watch", "--interval", "100ms")
	p.await(t, "QUEUE")
	r.server.Stop()
	for !strings.Contains(p.said.String(), "broker unavailable") {
		<-p.said.more
	}
	r.server.Restart(t)
	r.enqueue("back", "work", 1)
	p.await(t, "back")
	if code := p.interrupt(t, os.Interrupt); code != 0 {
		t.Errorf("exits with %d and says %q", code, p.said)
	}
}
