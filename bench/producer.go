package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// producer enqueues jobs for a while, one a call, from several goroutines:
// evenly at a rate, or as fast as it can within the window.
type producer struct {
	role
	library  library
	payloads payloads
	began    time.Time
	next     atomic.Int64
	gate     gate
}

// produce is a child process. It reads how many jobs have run, 8 bytes each
// time, and writes how many it has enqueued.
func produce(ctx context.Context, r role, stdin io.Reader, stdout io.Writer) error {
	s, ok := sideNamed(r.Side)
	if !ok {
		return fmt.Errorf("no side is named %q", r.Side)
	}
	lib, err := s.open(r.Addr)
	if err != nil {
		return err
	}
	p := &producer{role: r, library: lib, payloads: newPayloads(payloadSize, r.Seed), began: time.Now()}
	p.gate.changed.L = &p.gate.mu
	go p.gate.follow(stdin) // ends with the process
	fmt.Fprintf(stdout, "began %d\n", p.began.UnixNano())
	var working sync.WaitGroup
	errs := make([]error, producers)
	for i := range errs {
		working.Go(func() { errs[i] = p.work(ctx) })
	}
	working.Wait()
	fmt.Fprintf(stdout, "enqueued %d\n", p.next.Load())
	return errors.Join(errors.Join(errs...), lib.close())
}

func (p *producer) work(ctx context.Context) error {
	for time.Since(p.began) < p.Duration {
		index := p.next.Add(1) - 1
		if err := p.await(ctx, index); err != nil {
			return err
		}
		if err := p.library.enqueue(ctx, []job{{payload: p.payloads.of(int(index))}}); err != nil {
			return fmt.Errorf("enqueue: %w", err)
		}
	}
	return nil
}

// await waits for the moment of a job.
func (p *producer) await(ctx context.Context, index int64) error {
	if p.Rate == 0 {
		return p.gate.await(index - int64(p.Window))
	}
	at := p.began.Add(time.Duration(float64(index) / p.Rate * float64(time.Second)))
	if wait := time.Until(at); wait > 0 {
		return pause(ctx, wait)
	}
	return nil
}

// gate knows how many jobs have run.
type gate struct {
	mu      sync.Mutex
	changed sync.Cond
	ran     int64
	err     error
}

var errAbandoned = errors.New("nobody tells any more what has run")

func (g *gate) follow(stdin io.Reader) {
	var number [8]byte
	for {
		_, err := io.ReadFull(stdin, number[:])
		g.mu.Lock()
		g.ran = int64(binary.BigEndian.Uint64(number[:]))
		if err != nil {
			g.err = errAbandoned
		}
		g.mu.Unlock()
		g.changed.Broadcast()
		if err != nil {
			return
		}
	}
}

// await waits until so many jobs have run.
func (g *gate) await(ran int64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.ran < ran && g.err == nil {
		g.changed.Wait()
	}
	return g.err
}
