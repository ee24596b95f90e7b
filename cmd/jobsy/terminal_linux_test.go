package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nex-gen-tech/jobsy/task"
)

// pseudo is a pseudo-terminal on which a program runs.
type pseudo struct {
	*exec.Cmd
	master *os.File
	seen   strings.Builder
}

// onTerminal starts the program on a terminal of its own.
func (r *rig) onTerminal(args ...string) *pseudo {
	r.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		r.Skipf("there are no pseudo-terminals: %v", err)
	}
	r.Cleanup(func() { master.Close() })
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		r.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		r.Fatal(err)
	}
	defer slave.Close()
	p := &pseudo{Cmd: r.command(args...), master: master}
	p.Stdin, p.Stdout, p.Stderr = slave, slave, slave
	p.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.Start(); err != nil {
		r.Fatal(err)
	}
	return p
}

// await reads until the terminal has shown that.
func (p *pseudo) await(t *testing.T, want string) {
	t.Helper()
	buffer := make([]byte, 4096)
	for !strings.Contains(p.seen.String(), want) {
		n, err := p.master.Read(buffer)
		if err != nil {
			t.Fatalf("the terminal ended without %q: %q", want, p.seen.String())
		}
		p.seen.Write(buffer[:n])
	}
}

func (p *pseudo) types(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(p.master, text); err != nil {
		t.Fatal(err)
	}
}

// end reads all that is left, and returns the exit code.
func (p *pseudo) end() int {
	rest, _ := io.ReadAll(p.master) // ends with an error once the program has
	p.seen.Write(rest)
	_ = p.Wait() // the exit code tells
	return p.ProcessState.ExitCode()
}

const ctrlC = "\x03"

func TestTerminalAsks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.enqueue("mail", "work", 50_000)
	for _, answer := range []string{"n\n", "\n", "yesterday\n"} {
		p := r.onTerminal("queue", "purge", "mail")
		p.await(t, "delete 50,000 tasks of queue mail? [y/N] ")
		p.types(t, answer)
		if code := p.end(); code != 1 || !strings.Contains(p.seen.String(), "nothing was changed") {
			t.Errorf("after %q it exits with %d and shows %q", answer, code, p.seen.String())
		}
	}
	p := r.onTerminal("queue", "purge", "mail")
	p.await(t, "[y/N] ")
	p.types(t, ctrlC)
	if code := p.end(); code != 1 || !strings.Contains(p.seen.String(), "interrupted") {
		t.Errorf("after ctrl-c it exits with %d and shows %q", code, p.seen.String())
	}
	p = r.onTerminal("queue", "purge", "mail")
	p.await(t, "[y/N] ")
	p.types(t, "y\n")
	p.await(t, "█") // a bar moves
	if code := p.end(); code != 0 || !strings.Contains(p.seen.String(), "50,000 tasks deleted") {
		t.Errorf("after yes it exits with %d and shows %q", code, p.seen.String())
	}
}

func TestTerminalRetriesFailed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.fail("mail", 2000, "refused")
	p := r.onTerminal("failed", "retry", "--queue", "mail", "--paced", "10/s")
	p.await(t, "retry 2,000 failed tasks of 1 group? [y/N] ")
	p.types(t, "y\n")
	p.await(t, " of 2,000 ")
	if code := p.end(); code != 0 || !strings.Contains(p.seen.String(), "2,000 tasks pending again") {
		t.Errorf("it exits with %d and shows %q", code, p.seen.String())
	}
}

func TestTerminalWatch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.enqueue("mail", "work", 3)
	p := r.onTerminal("stats", "--watch", "--interval", "100ms")
	for range 3 {
		p.await(t, "\x1b[H") // in place
		p.await(t, "mail")
		p.seen.Reset()
	}
	p.types(t, ctrlC)
	if code := p.end(); code != 0 || strings.Contains(p.seen.String(), "jobsy:") {
		t.Errorf("it exits with %d and shows %q", code, p.seen.String())
	}
}

// A change of many that is interrupted says how far it came.
func TestTerminalInterruptsChange(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.enqueue("mail", "work", 100_000)
	p := r.onTerminal("queue", "purge", "mail", "--yes")
	p.await(t, "delete [")
	p.types(t, ctrlC)
	if code := p.end(); code != 1 || !strings.Contains(p.seen.String(), "interrupted after ") {
		t.Errorf("it exits with %d and shows %q", code, p.seen.String())
	}
	if n := r.counts("mail")[task.StatusPending]; n == 0 || n == 100_000 {
		t.Errorf("%d tasks are left", n)
	}
}
