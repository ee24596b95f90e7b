package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// programDir is where the program is built, for as long as the tests run.
var programDir string

func TestMain(m *testing.M) {
	os.Exit(withDir(m.Run))
}

func withDir(do func() int) int {
	dir, err := os.MkdirTemp("", "jobsy")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	programDir = dir
	return do()
}

// build builds the program once, and only when it is run: not for fuzzing.
var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programDir, "jobsy")
	output, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, output)
	}
	return path, err
})

// program returns the path of the built program.
func program(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
