package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// roleVariable holds the role of a child process.
const roleVariable = "JOBSY_BENCH_ROLE"

// role is what a child process does: it produces for a side, or is a proxy.
type role struct {
	Name string // "produce" or "proxy"
	Addr string // of the server

	// Of a producer.
	Side     string
	Duration time.Duration
	Rate     float64 // jobs a second; 0: as many as it can
	Window   int     // how many jobs it may be ahead of what has run, if it has no rate
	Seed     uint64

	// Of a proxy.
	Delay time.Duration
}

// playRole is the child's program. It ends with its input.
func playRole(ctx context.Context, text string) error {
	var r role
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return fmt.Errorf("read %s: %w", roleVariable, err)
	}
	switch r.Name {
	case "produce":
		return produce(ctx, r, os.Stdin, os.Stdout)
	case "proxy":
		return serveProxy(r, os.Stdin, os.Stdout)
	}
	return fmt.Errorf("no role is named %q", r.Name)
}

// child is this program in another process.
type child struct {
	*process
	stdin  *os.File
	stdout *os.File
	lines  *bufio.Reader
}

func startChild(r role) (*child, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	theirIn, stdin, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	stdout, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, theirIn.Close(), stdin.Close())
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), roleVariable+"="+string(text))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirIn, theirOut, os.Stderr
	p, err := launch(cmd)
	closeErr := errors.Join(theirIn.Close(), theirOut.Close())
	if err != nil {
		return nil, errors.Join(err, closeErr, stdin.Close(), stdout.Close())
	}
	return &child{p, stdin, stdout, bufio.NewReader(stdout)}, nil
}

// says reads a line of the form, which has one verb.
func (c *child) says(form string, value any) error {
	line, err := c.lines.ReadString('\n')
	if err != nil {
		return fmt.Errorf("read what the child says: %w", err)
	}
	if _, err := fmt.Sscanf(line, form, value); err != nil {
		return fmt.Errorf("the child says %q: %w", line, err)
	}
	return nil
}

// end closes the child's input and waits for its end.
func (c *child) end() error {
	err := c.stdin.Close()
	return errors.Join(err, c.wait(), c.stdout.Close())
}
