package faultproxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// echo is a server that answers each line with itself.
type echo struct {
	addr  string
	heard chan string // each line
}

func startEcho(t *testing.T) *echo {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{addr: listener.Addr().String(), heard: make(chan string, 1000)}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { e.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait() // the proxy has closed the connections
	})
	return e
}

func (e *echo) serve(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, 10<<20)
	for lines.Scan() {
		e.heard <- lines.Text()
		_, _ = conn.Write([]byte(lines.Text() + "\n"))
	}
}

// hears waits for a line to reach the server.
func (e *echo) hears(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-e.heard:
		if got != want {
			t.Errorf("the server heard %q, want %q", got, want)
		}
	case <-time.After(patience):
		t.Errorf("the server has not heard %q", want)
	}
}

// caller is a client's connection.
type caller struct {
	net.Conn
	lines *bufio.Reader
}

func call(t *testing.T, addr string) *caller {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &caller{conn, bufio.NewReader(conn)}
}

func (c *caller) say(t *testing.T, line string) {
	t.Helper()
	if _, err := c.Write([]byte(line + "\n")); err != nil {
		t.Errorf("say %q: %v", line, err)
	}
}

func (c *caller) hears(t *testing.T, want string) {
	t.Helper()
	if got, err := c.lines.ReadString('\n'); got != want+"\n" {
		t.Errorf("the client heard %q, %v, want %q", got, err, want)
	}
}

func (c *caller) asks(t *testing.T, line string) {
	t.Helper()
	c.say(t, line)
	c.hears(t, line)
}

// ends expects that nothing comes any more.
func (c *caller) ends(t *testing.T) {
	t.Helper()
	if got, err := c.lines.ReadString('\n'); got != "" || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the client heard %q, %v, want the end", got, err)
	}
}

// mustFail expects that a connection is of no use, whether that shows at once or
// when it is read.
func mustFail(t *testing.T, addr string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if n, err := conn.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read %d bytes, %v, want the end", n, err)
	}
}

// hearsNothing expects the connection to stay, but silent.
func (c *caller) hearsNothing(t *testing.T) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if got, err := c.lines.ReadString('\n'); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the client heard %q, %v, want nothing", got, err)
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
}

func TestPassesOn(t *testing.T) {
	t.Parallel()
	e := startEcho(t)
	p := Start(t, e.addr)
	c := call(t, p.Addr())
	c.asks(t, "hello")
	c.asks(t, strings.Repeat("long", 1<<18))
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Error(err)
	}
	if _, err := c.lines.ReadByte(); err != io.EOF {
		t.Errorf("after the client's end: %v, want EOF", err)
	}
}

func TestServerThatIsAway(t *testing.T) {
	t.Parallel()
	p := Start(t, "127.0.0.1:1")
	mustFail(t, p.Addr())
}

func TestCut(t *testing.T) {
	t.Parallel()
	e := startEcho(t)
	p := Start(t, e.addr)
	old := call(t, p.Addr())
	old.asks(t, "before")
	p.Cut()
	old.ends(t)
	mustFail(t, p.Addr())
	p.Heal(t)
	call(t, p.Addr()).asks(t, "after")
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	e := startEcho(t)
	p := Start(t, e.addr)
	addr, old := p.Addr(), call(t, p.Addr())
	old.asks(t, "before")
	p.Refuse()
	p.Refuse()
	if conn, err := net.Dial("tcp", addr); err == nil {
		_ = conn.Close()
		t.Error("a new connection is accepted")
	}
	old.asks(t, "still")
	p.Heal(t)
	p.Heal(t)
	if p.Addr() != addr {
		t.Errorf("the address is %s, want %s as before", p.Addr(), addr)
	}
	call(t, addr).asks(t, "after")
}

func TestDelay(t *testing.T) {
	t.Parallel()
	e := startEcho(t)
	p := Start(t, e.addr)
	c := call(t, p.Addr())
	c.asks(t, "quick")
	const delay = 100 * time.Millisecond
	p.Delay(delay)
	begin := time.Now()
	for i := range 10 {
		c.say(t, fmt.Sprint(i))
	}
	for i := range 10 {
		c.hears(t, fmt.Sprint(i))
	}
	if took := time.Since(begin); took < 2*delay || took > 10*delay {
		t.Errorf("took %s, want some more than twice %s for all together", took, delay)
	}
	p.Delay(time.Hour)
	c.say(t, "late")
	c.hearsNothing(t)
	p.Heal(t)
	c.hears(t, "late")
}

func TestStall(t *testing.T) {
	t.Parallel()
	e := startEcho(t)
	p := Start(t, e.addr)
	old := call(t, p.Addr())
	old.asks(t, "before")
	e.hears(t, "before")
	p.Stall()
	fresh := call(t, p.Addr())
	for _, c := range []*caller{old, fresh} {
		c.say(t, "held")
		c.hearsNothing(t)
	}
	select {
	case got := <-e.heard:
		t.Errorf("the server heard %q", got)
	default:
	}
	p.Heal(t)
	old.hears(t, "held")
	fresh.hears(t, "held")
	p.Stall()
	old.say(t, "lost") // the end of the test does not wait for it
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	e := startEcho(t)
	p := Start(t, e.addr)
	c := call(t, p.Addr())
	p.Throttle(100_000)
	begin := time.Now()
	c.asks(t, strings.Repeat("x", 20_000))
	if took := time.Since(begin); took < 200*time.Millisecond {
		t.Errorf("20 kB took %s at 100 kB/s", took)
	}
	p.Throttle(1)
	c.say(t, strings.Repeat("y", 10_000))
	p.Throttle(0)
	c.hears(t, strings.Repeat("y", 10_000))
}

func TestHalfClose(t *testing.T) {
	t.Parallel()
	e := startEcho(t)
	p := Start(t, e.addr)
	c := call(t, p.Addr())
	c.asks(t, "before")
	e.hears(t, "before")
	p.HalfClose()
	if _, err := c.lines.ReadByte(); err != io.EOF {
		t.Errorf("the client reads %v, want EOF", err)
	}
	for range 3 {
		c.say(t, "unanswered")
		e.hears(t, "unanswered")
	}
	call(t, p.Addr()).asks(t, "new")
}

func TestDropNext(t *testing.T) {
	t.Parallel()
	e := startEcho(t)
	p := Start(t, e.addr)
	p.DropNext(2, "WORK")
	first := call(t, p.Addr())
	first.asks(t, "hello")
	e.hears(t, "hello")
	for left := 1; left >= 0; left-- {
		c := call(t, p.Addr())
		c.say(t, "do work")
		e.hears(t, "do work")
		c.ends(t)
		if p.Left() != left {
			t.Errorf("%d left to drop, want %d", p.Left(), left)
		}
	}
	first.asks(t, "do work")
	p.DropNext(1)
	p.Heal(t)
	first.asks(t, "healed")
}

func TestDropReplies(t *testing.T) {
	t.Parallel()
	e := startEcho(t)
	p := Start(t, e.addr)
	run := func(seed uint64) (lost string) {
		p.DropReplies(0.5, seed)
		for range 30 {
			c := call(t, p.Addr())
			c.say(t, "work")
			e.hears(t, "work")
			if _, err := c.lines.ReadString('\n'); err != nil {
				lost += "x"
			} else {
				lost += "."
			}
		}
		return lost
	}
	first, again, other := run(1), run(1), run(2)
	if first != again || first == other || !strings.Contains(first, "x") || !strings.Contains(first, ".") {
		t.Errorf("lost %s and %s with one seed, %s with another", first, again, other)
	}
}

// All at once, with clients that go on all the while.
func TestFaultsTogether(t *testing.T) {
	t.Parallel()
	e := startEcho(t)
	p := Start(t, e.addr)
	stop := make(chan struct{})
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for {
				conn, err := net.Dial("tcp", p.Addr())
				if err == nil {
					_ = conn.SetDeadline(time.Now().Add(10 * time.Millisecond))
					_, _ = conn.Write([]byte("line\n"))
					_, _ = io.ReadFull(conn, make([]byte, 5))
					_ = conn.Close()
				}
				select {
				case <-stop:
					return
				case <-e.heard: // so that the server is not blocked
				default:
				}
			}
		})
	}
	var faulting sync.WaitGroup
	for _, fault := range []func(){
		p.Cut, p.Refuse, p.Stall, p.HalfClose, func() { p.Delay(time.Millisecond) }, func() { p.Throttle(1000) },
		func() { p.DropNext(1) }, func() { p.DropReplies(0.5, 1, "line") },
	} {
		faulting.Go(func() {
			for range 20 {
				fault()
				p.Heal(t)
			}
		})
	}
	faulting.Wait()
	close(stop)
	running.Wait()
	p.Heal(t)
	call(t, p.Addr()).asks(t, "whole")
}
