package faultproxy

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Each way of a connection holds up to pipeChunks reads of chunkSize bytes while
// they are delayed.
const (
	chunkSize  = 32 << 10
	pipeChunks = 256
)

const (
	piecesPerSecond = 20 // while throttled
	forever         = 24 * time.Hour
)

// link is one connection of a client, and the one to the server.
type link struct {
	proxy  *Proxy
	client *net.TCPConn
	muted  atomic.Bool // what the server says is discarded
	asked  atomic.Bool // there was a request whose reply may be lost

	mu     sync.Mutex
	server *net.TCPConn // nil: none yet
	ended  bool
	done   chan struct{} // closed once it has ended
}

// chunk is what was read at once.
type chunk struct {
	data []byte
	read time.Time
	lost bool // is not passed on, nor is anything after it
}

// close ends both connections at once.
func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended = true
	close(l.done)
	reset(l.client)
	if l.server != nil {
		reset(l.server)
	}
}

// mute ends what the client hears.
func (l *link) mute() {
	l.muted.Store(true)
	_ = l.client.CloseWrite()
}

// serve returns once both connections have ended.
func (l *link) serve(ctx context.Context, target string) {
	defer l.close()
	server, err := new(net.Dialer).DialContext(ctx, "tcp", target)
	if err != nil || !l.attach(server.(*net.TCPConn)) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { l.pass(l.client, l.server, l.request) })
	both.Go(func() { l.pass(l.server, l.client, l.reply) })
	both.Wait()
}

func (l *link) attach(server *net.TCPConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		reset(server)
		return false
	}
	l.server = server
	return true
}

// request notes whether the reply to what was read may be lost.
func (l *link) request(c *chunk) {
	if l.proxy.minds(c.data) {
		l.asked.Store(true)
	}
}

// reply decides whether what was read is lost.
func (l *link) reply(c *chunk) {
	c.lost = l.asked.Swap(false) && l.proxy.loses()
}

// pass copies one way until its source ends, and then ends its destination.
func (l *link) pass(from, to *net.TCPConn, look func(*chunk)) {
	chunks := make(chan chunk, pipeChunks)
	var writing sync.WaitGroup
	writing.Go(func() { l.write(to, chunks) })
	l.read(from, chunks, look)
	close(chunks)
	writing.Wait()
	_ = to.CloseWrite()
}

func (l *link) read(from *net.TCPConn, chunks chan<- chunk, look func(*chunk)) {
	for {
		data := make([]byte, chunkSize)
		n, err := from.Read(data)
		if n > 0 {
			c := chunk{data: data[:n], read: time.Now()}
			look(&c)
			select {
			case chunks <- c:
			case <-l.done:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// write passes on what was read, and ends the link where it cannot.
func (l *link) write(to *net.TCPConn, chunks <-chan chunk) {
	for c := range chunks {
		if !l.due(c.read) || c.lost || !l.send(to, c.data) {
			l.close()
			return
		}
	}
}

// due waits until what was read then may go on. It reports false if the link
// has ended before.
func (l *link) due(read time.Time) bool {
	for {
		f, changed := l.proxy.now()
		wait := time.Until(read.Add(f.delay))
		if !f.stalled && wait <= 0 {
			return true
		}
		if f.stalled {
			wait = forever
		}
		if !l.pause(wait, changed) {
			return false
		}
	}
}

// send writes all, no faster than the throttle has it.
func (l *link) send(to *net.TCPConn, data []byte) bool {
	for len(data) > 0 {
		if !l.due(time.Time{}) {
			return false
		}
		f, changed := l.proxy.now()
		n := len(data)
		if f.rate > 0 {
			n = min(n, max(f.rate/piecesPerSecond, 1))
		}
		if _, err := to.Write(data[:n]); err != nil {
			return to == l.client && l.muted.Load()
		}
		data = data[n:]
		if f.rate > 0 && !l.pause(time.Duration(n)*time.Second/time.Duration(f.rate), changed) {
			return false
		}
	}
	return true
}

// pause waits for so long, or until the faults change. It reports false if the
// link ends before.
func (l *link) pause(d time.Duration, changed <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-l.done:
		return false
	}
	return true
}
