package redistest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

var (
	errInUse   = errors.New("address already in use")
	errStarted = errors.New("redis-server did not start")
)

// process is one run of a redis-server. A goroutine of its own starts it, reads
// its log and waits for it.
type process struct {
	cmd   *exec.Cmd
	ready chan error    // nil once it serves; else why it does not
	ended chan struct{} // closed once it is gone
}

// launch returns once the process serves, or has ended without.
func launch(path string, args, env []string) (*process, error) {
	p := &process{cmd: exec.Command(path, args...), ready: make(chan error, 1), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	endWithParent(p.cmd)
	go p.run()
	if err := <-p.ready; err != nil {
		<-p.ended
		return nil, err
	}
	return p, nil
}

// run keeps its thread, for a process that ends with its parent ends with the
// thread that started it.
func (p *process) run() {
	defer close(p.ended)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	log, err := p.cmd.StdoutPipe()
	if err == nil {
		p.cmd.Stderr = p.cmd.Stdout
		err = p.cmd.Start()
	}
	if err != nil {
		p.ready <- fmt.Errorf("%w: %w", errStarted, err)
		return
	}
	slow := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	err = awaitReady(log)
	slow.Stop()
	p.ready <- err
	_, _ = io.Copy(io.Discard, log) // until the process ends
	_ = p.cmd.Wait()
}

// awaitReady reads the log until the server is ready, or has ended.
func awaitReady(log io.Reader) error {
	var said strings.Builder
	for scanner := bufio.NewScanner(log); scanner.Scan(); {
		line := scanner.Text()
		// A Sentinel says its id instead.
		if strings.Contains(line, "eady to accept connections") || strings.Contains(line, "Sentinel ID is") {
			return nil
		}
		if strings.Contains(line, "ddress already in use") {
			return fmt.Errorf("%w: %w", errStarted, errInUse)
		}
		said.WriteString(line + "\n")
	}
	return fmt.Errorf("%w: it has said:\n%s", errStarted, said.String())
}

// end sends a signal and waits until the process is gone.
func (p *process) end(signal os.Signal) {
	_ = p.cmd.Process.Signal(signal) // it may have ended by itself
	select {
	case <-p.ended:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}
