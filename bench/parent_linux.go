package main

import (
	"os/exec"
	"syscall"
)

// endWithParent leaves no child behind when this process is killed.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
