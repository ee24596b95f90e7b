package main

import (
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a child that ends with this process, however that ends.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed once it is gone
	err   error         // how it has ended; set before ended is closed
}

func startProcess(path string, args ...string) (*process, error) {
	return launch(exec.Command(path, args...))
}

// launch starts the command in a goroutine that keeps its thread: a child that
// ends with its parent ends with the thread that has started it.
func launch(cmd *exec.Cmd) (*process, error) {
	if cmd.Stderr == nil {
		cmd.Stderr = io.Discard
	}
	endWithParent(cmd)
	p := &process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// wait returns how the process has ended, once it has.
func (p *process) wait() error {
	<-p.ended
	return p.err
}

// stop asks the process to end, and kills it if it does not in time.
func (p *process) stop(patience time.Duration) error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	timer := time.AfterFunc(patience, func() { _ = p.cmd.Process.Signal(os.Kill) })
	defer timer.Stop()
	return p.wait()
}
