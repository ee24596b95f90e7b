package redistest

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain is also the program of TestNothingOutlivesTheTestProcess: it starts
// a server, says where, and waits to be killed.
func TestMain(m *testing.M) {
	if os.Getenv("REDISTEST_LEAVE_BEHIND") == "" {
		m.Run()
		return
	}
	port, err := freePort()
	if err == nil {
		s := &Server{path: program, dir: os.TempDir(), port: port}
		err = s.start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(port)
	select {}
}

// ask sends one command and returns the first line of the reply.
func ask(t *testing.T, s *Server, command string) string {
	t.Helper()
	conn := dial(t, s.Addr())
	if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
		t.Fatal(err)
	}
	reply := bufio.NewScanner(conn)
	if !reply.Scan() {
		t.Fatalf("no reply to %q: %v", command, reply.Err())
	}
	if strings.HasPrefix(reply.Text(), "$") { // a bulk string: its length, then it
		reply.Scan()
	}
	return reply.Text()
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

func expect(t *testing.T, s *Server, command, want string) {
	t.Helper()
	if got := ask(t, s, command); got != want {
		t.Errorf("%s: got %q, want %q", command, got, want)
	}
}

func mustRefuse(t *testing.T, s *Server) {
	t.Helper()
	if conn, err := net.Dial("tcp", s.Addr()); err == nil {
		_ = conn.Close()
		t.Error("the server still takes connections")
	}
	if s.PID() != 0 {
		t.Errorf("PID is %d, want 0", s.PID())
	}
}

func TestServerServesUntilTheTestEnds(t *testing.T) {
	t.Parallel()
	var s *Server
	t.Run("test", func(t *testing.T) {
		s = Start(t)
		expect(t, s, "PING", "+PONG")
		if want := "redis://127.0.0.1:" + strconv.Itoa(s.port); s.URL() != want {
			t.Errorf("URL is %q, want %q", s.URL(), want)
		}
	})
	if s != nil {
		mustRefuse(t, s)
	}
}

func TestRestartKeepsPortAndData(t *testing.T) {
	t.Parallel()
	s := Start(t, "--appendonly", "yes", "--appendfsync", "always")
	addr := s.Addr()
	for i, end := range []func(){s.Kill, s.Stop, func() {}} {
		pid := s.PID()
		expect(t, s, fmt.Sprintf("SET kept %d", i), "+OK")
		end()
		s.Restart(t)
		if s.Addr() != addr || s.PID() == pid {
			t.Errorf("restarted at %s as process %d, want %s and another than %d", s.Addr(), s.PID(), addr, pid)
		}
		expect(t, s, "GET kept", strconv.Itoa(i))
	}
}

func TestDefaultKeepsNothing(t *testing.T) {
	t.Parallel()
	s := Start(t)
	expect(t, s, "SET gone 1", "+OK")
	s.Stop()
	mustRefuse(t, s)
	s.Stop()
	s.Kill()
	s.Restart(t)
	expect(t, s, "EXISTS gone", ":0")
}

func TestFreeze(t *testing.T) {
	t.Parallel()
	s := Start(t)
	s.Thaw()
	s.Freeze()
	conn := dial(t, s.Addr())
	_ = conn.SetDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := fmt.Fprintf(conn, "PING\r\n"); err != nil {
		t.Error(err)
	}
	if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a frozen server says %d bytes, %v", n, err)
	}
	s.Thaw()
	expect(t, s, "PING", "+PONG")
	s.Freeze()
	begin := time.Now()
	s.Stop()
	if took := time.Since(begin); took >= patience {
		t.Errorf("a frozen server ends after %s", took)
	}
	s.Freeze()
}

func TestTakenPortIsRecognized(t *testing.T) {
	t.Parallel()
	s := Start(t)
	rival := &Server{path: s.path, dir: t.TempDir(), port: s.port}
	if err := rival.start(); !errors.Is(err, errInUse) {
		t.Errorf("a second server on one port: %v, want errInUse", err)
	}
	expect(t, s, "PING", "+PONG")
}

func TestBadArgumentsAreReported(t *testing.T) {
	t.Parallel()
	s := Start(t)
	bad := &Server{path: s.path, dir: t.TempDir(), port: s.port, args: []string{"--no-such-option", "1"}}
	if err := bad.start(); !errors.Is(err, errStarted) || !strings.Contains(err.Error(), "no-such-option") {
		t.Errorf("got error %v, want what the server says of its option", err)
	}
}

// outcome takes how a test of Start ends.
type outcome struct {
	testing.TB
	end string
}

func (o *outcome) Helper() {}

func (o *outcome) Skipf(format string, args ...any) {
	o.end = "skipped: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (o *outcome) Fatalf(format string, args ...any) {
	o.end = "failed: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestWithoutRedisServer(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for ci, want := range map[string]string{"": "skipped: redis-server", "true": "failed: redis-server"} {
		t.Setenv("CI", ci)
		o := &outcome{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			Start(o)
		}()
		<-done
		if !strings.HasPrefix(o.end, want) {
			t.Errorf("with CI=%q the test has %q, want %q", ci, o.end, want)
		}
	}
}

func TestNothingOutlivesTheTestProcess(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends a process with its parent")
	}
	Start(t) // skips without redis-server
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), "REDISTEST_LEAVE_BEHIND=1")
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(stdout)
	said.Scan()
	conn := dial(t, "127.0.0.1:"+said.Text())
	_ = parent.Process.Signal(syscall.SIGKILL)
	_ = parent.Wait()
	// The connection ends with the server.
	_, err = conn.Read(make([]byte, 1))
	if timeout, ok := err.(net.Error); err == nil || ok && timeout.Timeout() {
		t.Errorf("the server lives on: reading from it got error %v", err)
	}
}
