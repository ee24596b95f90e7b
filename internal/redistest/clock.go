package redistest

import (
	_ "embed"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

//go:embed clock/shift.c
var shiftSource []byte

// Clock is the wall clock of a server, which a test may set. Its timers go on as
// they do when somebody sets the clock of a machine.
type Clock struct{ file *os.File }

// StartWithClock is Start with a clock that Shift sets. It needs a C compiler:
// without one the test is skipped or, with CI=true, fails.
func StartWithClock(t testing.TB, args ...string) (*Server, *Clock) {
	t.Helper()
	s := &Server{path: find(t), dir: t.TempDir(), args: args}
	library := compileShift(t, s.dir)
	file, err := os.Create(filepath.Join(s.dir, "clock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	c := &Clock{file}
	c.Shift(t, 0)
	s.env = []string{"LD_PRELOAD=" + library, "JOBSY_CLOCK=" + file.Name()}
	return begin(t, s), c
}

func compileShift(t testing.TB, dir string) string {
	t.Helper()
	compiler, err := exec.LookPath("cc")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("cc is not installed, and with CI=true it must be")
	} else if err != nil {
		t.Skip("cc is not installed")
	}
	source, library := filepath.Join(dir, "shift.c"), filepath.Join(dir, "shift.so")
	if err := os.WriteFile(source, shiftSource, 0o644); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command(compiler, "-shared", "-fPIC", "-O1", "-o", library, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	return library
}

// Shift has the clock show so much more than that of the machine, in whole
// seconds.
func (c *Clock) Shift(t testing.TB, by time.Duration) {
	t.Helper()
	if _, err := c.file.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(int64(by/time.Second))), 0); err != nil {
		t.Fatal(err)
	}
}
