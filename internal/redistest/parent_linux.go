package redistest

import (
	"os/exec"
	"syscall"
)

// endWithParent leaves no server behind when the test process is killed.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
