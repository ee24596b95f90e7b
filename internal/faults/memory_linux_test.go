package faults

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
)

const memoryHasLimits = true

// limitMemory lets this process take so many bytes more than it has, as a
// container does. 0: as many as there are.
func limitMemory(more int64) error {
	if more == 0 {
		return nil
	}
	has, err := dataSize()
	if err != nil {
		return err
	}
	limit := has + uint64(more)
	return syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: limit, Max: limit})
}

// dataSize is what RLIMIT_DATA limits, in bytes.
func dataSize() (uint64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, after, _ := bytes.Cut(status, []byte("VmData:"))
	var kilobytes uint64
	if _, err := fmt.Sscan(string(after), &kilobytes); err != nil {
		return 0, fmt.Errorf("VmData in /proc/self/status: %w", err)
	}
	return kilobytes << 10, nil
}
