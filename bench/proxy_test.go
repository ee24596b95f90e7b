package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"
)

// echo answers with what it is told.
func echo(t *testing.T) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() { // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

func TestProxyDelaysButDoesNotLimit(t *testing.T) {
	t.Parallel()
	const delay, size = 20 * time.Millisecond, 16 << 20
	p, err := listenProxy(echo(t), delay)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", p.addr())
	if err != nil {
		t.Fatal(err)
	}
	sent := make([]byte, size)
	for i := range sent {
		sent[i] = byte(rand.Uint32())
	}
	began := time.Now()
	go func() {
		_, _ = conn.Write(sent)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	got := make([]byte, 1, size)
	if _, err := io.ReadFull(conn, got); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 2*delay {
		t.Errorf("the first byte took %v there and back, want at least %v", took, 2*delay)
	}
	rest, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(append(got, rest...), sent) {
		t.Errorf("%d bytes came back with error %v, want the %d that were sent", 1+len(rest), err, size)
	}
	// A chunk at a time would take 256 round trips: over 10 s.
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("%d bytes took %v", size, took)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := p.close(); err != nil {
		t.Error(err)
	}
}
