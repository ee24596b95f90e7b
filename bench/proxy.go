package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// A proxy that delays holds up to pipeChunks reads of chunkSize bytes each way,
// far more than a fast server sends within the delay.
const (
	chunkSize  = 64 << 10
	pipeChunks = 4096
)

// proxy passes on what its clients and the server say, each way late by the
// delay. It does not limit how much is said meanwhile.
type proxy struct {
	target   string
	delay    time.Duration
	listener net.Listener
	running  sync.WaitGroup
}

// serveProxy is a child process. It writes its address, and ends with its input.
func serveProxy(r role, stdin io.Reader, stdout io.Writer) error {
	p, err := listenProxy(r.Addr, r.Delay)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "listening %s\n", p.addr())
	_, _ = io.Copy(io.Discard, stdin)
	return p.listener.Close() // the connections end with the process
}

func listenProxy(target string, delay time.Duration) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{target: target, delay: delay, listener: listener}
	p.running.Go(p.accept)
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// close takes no more connections, and waits for the end of those there are.
func (p *proxy) close() error {
	err := p.listener.Close()
	p.running.Wait()
	return err
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.connect(client) })
	}
}

func (p *proxy) connect(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	var both sync.WaitGroup
	both.Go(func() { p.pass(client, server) })
	both.Go(func() { p.pass(server, client) })
	both.Wait()
}

// chunk is what was read at once, and when it may be written.
type chunk struct {
	data []byte
	due  time.Time
}

// pass copies one way until the source ends, and then ends the destination.
func (p *proxy) pass(from, to net.Conn) {
	chunks := make(chan chunk, pipeChunks)
	var writing sync.WaitGroup
	writing.Go(func() { write(to, chunks) })
	for {
		data := make([]byte, chunkSize)
		n, err := from.Read(data)
		if n > 0 {
			chunks <- chunk{data[:n], time.Now().Add(p.delay)}
		}
		if err != nil {
			break
		}
	}
	close(chunks)
	writing.Wait()
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// write takes all chunks, even if the destination has gone: their reader must
// not get stuck.
func write(to net.Conn, chunks <-chan chunk) {
	var err error
	for c := range chunks {
		if err != nil {
			continue
		}
		time.Sleep(time.Until(c.due))
		_, err = to.Write(c.data)
	}
}

// startProxy starts a proxy in another process, so that its work and the
// measured program's are scheduled apart.
func startProxy(target string, delay time.Duration) (addr string, stop func() error, err error) {
	c, err := startChild(role{Name: "proxy", Addr: target, Delay: delay})
	if err != nil {
		return "", nil, err
	}
	if err := c.says("listening %s", &addr); err != nil {
		return "", nil, errors.Join(err, c.end())
	}
	return addr, c.end, nil
}
