// Package redistest starts real redis-server processes for tests, on free
// loopback ports, and ends all that it has started.
package redistest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

const (
	program = "redis-server"
	// patience bounds how long a server may take to start or to stop.
	patience = 20 * time.Second
	// maxPort leaves room for the bus of a Cluster, 10,000 ports above.
	maxPort = 65535 - 10_000
)

// Server is a redis-server that a test may stop and start again. Its methods
// may be called concurrently.
type Server struct {
	path     string
	port     int
	dir      string
	sentinel string // the configuration file, which a Sentinel must have
	args     []string
	env      []string // beside that of this process

	mu      sync.Mutex
	process *process // nil: none runs
	frozen  bool
}

// Start starts a redis-server that keeps nothing on disk, unless args, in the
// form of its command line, say otherwise. They must leave its port and its log
// as they are. It ends with the test. Without a redis-server the test is
// skipped or, with CI=true, fails.
//
// Tests share a server by starting it in a common parent.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return begin(t, &Server{path: find(t), dir: t.TempDir(), args: args})
}

// AppendOnly are the arguments of a server that keeps a file of all its writes
// and syncs it always, everysec or no.
func AppendOnly(fsync string) []string {
	return []string{"--appendonly", "yes", "--appendfsync", fsync}
}

// MaxMemory are the arguments of a server that, beyond so much, evicts or
// refuses what the policy says.
func MaxMemory(limit, policy string) []string {
	return []string{"--maxmemory", limit, "--maxmemory-policy", policy}
}

// find returns the path of the program.
func find(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed, and with CI=true it must be", program)
		}
		t.Skipf("%s is not installed", program)
	}
	return path
}

// begin starts a server on a free port until the test ends.
func begin(t testing.TB, s *Server) *Server {
	t.Helper()
	t.Cleanup(s.Kill)
	var err error
	for range 10 { // another process may take the port first
		if s.port, err = freePort(); err == nil {
			err = s.start()
		}
		if !errors.Is(err, errInUse) {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func freePort() (int, error) {
	for range 100 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, fmt.Errorf("find a free port: %w", err)
		}
		port := listener.Addr().(*net.TCPAddr).Port
		if err := listener.Close(); err != nil {
			return 0, fmt.Errorf("find a free port: %w", err)
		}
		if port <= maxPort {
			return port, nil
		}
	}
	return 0, fmt.Errorf("find a free port: none up to %d", maxPort)
}

func (s *Server) commandLine() []string {
	where := []string{"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir}
	if s.sentinel != "" {
		return slices.Concat([]string{s.sentinel, "--sentinel"}, where, s.args)
	}
	return slices.Concat(where, []string{"--save", "", "--appendonly", "no"}, s.args)
}

// start returns once the server says that it is ready.
func (s *Server) start() error {
	p, err := launch(s.path, s.commandLine(), s.env)
	if err != nil {
		return err
	}
	s.process = p
	return nil
}

// Addr returns host and port.
func (s *Server) Addr() string { return "127.0.0.1:" + strconv.Itoa(s.port) }

// URL returns the address as a redis:// URL.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// Client returns a client of this server, whoever else belongs to it. It ends
// with the test.
func (s *Server) Client(t testing.TB) *goredis.Client {
	client := goredis.NewClient(&goredis.Options{Addr: s.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// PID returns the process id, or 0 while the server is stopped.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return 0
	}
	return s.process.cmd.Process.Pid
}

// Kill ends the process at once, as a crash would, and waits until it is gone.
// A server that has ended stays so.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Stop asks the process to end, and waits until it has. One that does not in
// time is killed.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

// Freeze stops the process where it is: it keeps its connections, takes new
// ones, and answers nothing until Thaw.
func (s *Server) Freeze() { s.halt(syscall.SIGSTOP, true) }

// Thaw lets the process go on.
func (s *Server) Thaw() { s.halt(syscall.SIGCONT, false) }

func (s *Server) halt(signal os.Signal, frozen bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		_ = s.process.cmd.Process.Signal(signal) // it may have ended by itself
		s.frozen = frozen
	}
}

// answers reports whether the process runs.
func (s *Server) answers() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process != nil && !s.frozen
}

func (s *Server) end(signal os.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endProcess(signal)
}

func (s *Server) endProcess(signal os.Signal) {
	if s.process == nil {
		return
	}
	if s.frozen {
		_ = s.process.cmd.Process.Signal(syscall.SIGCONT)
		s.frozen = false
	}
	s.process.end(signal)
	s.process = nil
}

// Restart stops the server, if that is not done yet, and starts it again on the
// same port and with what it has kept on disk.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endProcess(syscall.SIGTERM)
	err := s.start()
	// A connection of anybody may have got the port for its own end.
	for deadline := time.Now().Add(patience); errors.Is(err, errInUse) && time.Now().Before(deadline); {
		err = s.start()
	}
	if err != nil {
		t.Fatal(err)
	}
}
