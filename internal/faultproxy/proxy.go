// Package faultproxy stands between a client and a real server in tests, and
// does to their connections what networks do.
package faultproxy

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// patience bounds how long Heal tries to get its port back.
const patience = 10 * time.Second

// Proxy passes on what clients and the server say, until it is told otherwise.
// Its methods may be called concurrently; faults add up, and Heal ends all of
// them.
type Proxy struct {
	target  string
	addr    string
	ctx     context.Context // ends with the proxy
	running sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener // nil: refusing, or closed
	closed   bool
	links    map[*link]struct{}
	faults   faults
	changed  chan struct{} // closed when the faults change
	random   *rand.Rand
}

// faults is what the proxy does at present.
type faults struct {
	cut     bool
	stalled bool
	delay   time.Duration
	rate    int // bytes a second; 0: no limit
	dropped dropping
}

// Start starts a proxy before the server at target, until the test ends.
func Start(t testing.TB, target string) *Proxy {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &Proxy{target: target, ctx: ctx, links: make(map[*link]struct{}), changed: make(chan struct{})}
	t.Cleanup(func() {
		cancel()
		p.close()
	})
	if err := p.listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p.addr = p.listener.Addr().String()
	return p
}

// Addr returns host and port, which stay the same.
func (p *Proxy) Addr() string { return p.addr }

// listen starts to accept. The caller holds the lock, or is alone.
func (p *Proxy) listen(addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	p.listener = listener
	p.running.Go(func() { p.accept(listener) })
	return nil
}

func (p *Proxy) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		l := &link{proxy: p, client: client.(*net.TCPConn), done: make(chan struct{})}
		if !p.take(l) {
			l.close()
		}
	}
}

// take starts to serve a connection, unless new ones are closed.
func (p *Proxy) take(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.faults.cut {
		return false
	}
	p.links[l] = struct{}{}
	p.running.Go(func() {
		l.serve(p.ctx, p.target)
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.links, l)
	})
	return true
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.deafen()
	p.closeAll()
	p.mu.Unlock()
	p.running.Wait()
}

// deafen stops to listen. The caller holds the lock.
func (p *Proxy) deafen() {
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
}

// closeAll closes all connections. The caller holds the lock.
func (p *Proxy) closeAll() {
	for l := range p.links {
		l.close()
	}
}

// now returns the faults at present, and what is closed when they change.
func (p *Proxy) now() (faults, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults, p.changed
}
