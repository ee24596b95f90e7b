package faultproxy

import (
	"bytes"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// change changes the faults, and lets all that wait look again.
func (p *Proxy) change(to func(f *faults)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alter(to)
}

// alter is change for those who hold the lock.
func (p *Proxy) alter(to func(f *faults)) {
	to(&p.faults)
	close(p.changed)
	p.changed = make(chan struct{})
}

// Cut closes all connections at once, and each new one when it comes.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alter(func(f *faults) { f.cut = true })
	p.closeAll()
}

// Refuse has new connections refused, as if nobody listened. Those there are go
// on.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deafen()
}

// Delay has each byte arrive so much later, either way.
func (p *Proxy) Delay(d time.Duration) { p.change(func(f *faults) { f.delay = d }) }

// Stall passes on nothing, either way, and accepts connections all the same.
// What is said meanwhile arrives after Heal.
func (p *Proxy) Stall() { p.change(func(f *faults) { f.stalled = true }) }

// Throttle lets through so many bytes a second, each way on each connection. 0
// ends it.
func (p *Proxy) Throttle(bytesPerSecond int) {
	p.change(func(f *faults) { f.rate = max(bytesPerSecond, 0) })
}

// HalfClose ends what the server says on the connections there are: clients
// read the end of the stream, while their requests still reach the server.
func (p *Proxy) HalfClose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.mute()
	}
}

// Heal ends all faults. Connections that are gone stay so.
func (p *Proxy) Heal(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alter(func(f *faults) { *f = faults{} })
	if p.listener != nil || p.closed {
		return
	}
	// Someone's connection may have the port for its own end for a moment.
	deadline, err := time.Now().Add(patience), error(nil)
	for err = p.listen(p.addr); err != nil && time.Now().Before(deadline); err = p.listen(p.addr) {
	}
	if err != nil {
		t.Errorf("faultproxy: heal: %v", err)
	}
}

// dropping says which replies are lost.
type dropping struct {
	next        int // this many, and then
	probability float64
	about       []string
}

// DropNext loses the next n replies: the request reaches the server, and its
// reply is swallowed together with the connection. With about, only replies to
// requests that contain one of these texts count, in upper or lower case.
func (p *Proxy) DropNext(n int, about ...string) {
	p.drop(dropping{next: n, about: about}, 0)
}

// DropReplies loses each reply with that probability, as DropNext does. The
// same seed draws the same numbers.
func (p *Proxy) DropReplies(probability float64, seed uint64, about ...string) {
	p.drop(dropping{probability: probability, about: about}, seed)
}

func (p *Proxy) drop(d dropping, seed uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.random = rand.New(rand.NewPCG(seed, seed))
	p.alter(func(f *faults) { f.dropped = d })
}

// Left returns how many replies DropNext has yet to lose.
func (p *Proxy) Left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults.dropped.next
}

// minds reports whether the reply to that request is one that may be lost.
func (p *Proxy) minds(request []byte) bool {
	f, _ := p.now()
	if len(f.dropped.about) == 0 {
		return true
	}
	request = bytes.ToLower(request)
	return slices.ContainsFunc(f.dropped.about, func(text string) bool {
		return bytes.Contains(request, []byte(strings.ToLower(text)))
	})
}

// loses decides about one reply.
func (p *Proxy) loses() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := &p.faults.dropped
	if d.next > 0 {
		d.next--
		return true
	}
	return d.probability > 0 && p.random.Float64() < d.probability
}

// reset closes a connection so that the other side is told of an error rather
// than of an end.
func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	_ = conn.Close()
}
