package faults

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/internal/faultproxy"
	"github.com/nex-gen-tech/jobsy/internal/history"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
)

// round is how long random faults go on until all is drained and checked.
const round = time.Minute

// Random faults, one upon the other, in rounds. Without -long there is one short
// round.
func TestRandomFaults(t *testing.T) {
	t.Parallel()
	from := *seed
	if from == 0 {
		from = rand.Uint64()
	}
	t.Logf("-seed %d", from)
	var sum tally
	for began, n := time.Now(), 0; n == 0 || time.Since(began) < *long; n++ {
		length := round
		if *long == 0 {
			length = 8 * time.Second
		}
		ok := t.Run(fmt.Sprintf("round %d", n+1), func(t *testing.T) {
			c := newChaos(t, rand.New(rand.NewPCG(from, uint64(n))))
			c.run(length)
			c.finish()
			sum.add(c.tally)
		})
		if !ok {
			t.Errorf("round %d failed: -seed %d", n+1, from)
		}
	}
	t.Logf("%d tasks in %d rounds, %d faults (%v), %d runs, %d of them again without a failure before", sum.tasks, sum.rounds, sum.faults, sum.kinds, sum.runs, sum.again)
}

// tally counts what happened.
type tally struct {
	rounds, tasks, faults, runs, again int
	kinds                              map[string]int
}

func (sum *tally) add(t tally) {
	sum.rounds++
	sum.tasks += t.tasks
	sum.faults += t.faults
	sum.runs += t.runs
	sum.again += t.again
	if sum.kinds == nil {
		sum.kinds = make(map[string]int)
	}
	for kind, n := range t.kinds {
		sum.kinds[kind] += n
	}
}

// chaos is one round.
type chaos struct {
	*stage
	random  *rand.Rand
	server  *redistest.Server
	proxies map[*worker]*faultproxy.Proxy
	alive   []*worker
	frozen  map[*worker]bool
	tally   tally
}

func newChaos(t *testing.T, random *rand.Rand) *chaos {
	server := redistest.Start(t, redistest.AppendOnly("always")...)
	c := &chaos{
		stage: newStage(t, server.URL()), random: random, server: server,
		proxies: make(map[*worker]*faultproxy.Proxy), frozen: make(map[*worker]bool),
	}
	c.check = history.Options{MaxDeliveries: -1, Concurrency: 10}
	c.tally.kinds = make(map[string]int)
	for range 3 {
		c.hire()
	}
	return c
}

// hire starts a worker behind a proxy of its own.
func (c *chaos) hire() {
	proxy := faultproxy.Start(c.t, c.server.Addr())
	w := c.start(func(to *settings) { to.URL, to.MaxDeliveries = "redis://"+proxy.Addr(), -1 })
	c.proxies[w], c.alive = proxy, append(c.alive, w)
}

// dismiss forgets a worker that ends.
func (c *chaos) dismiss(w *worker) {
	for i, other := range c.alive {
		if other == w {
			c.alive = append(c.alive[:i], c.alive[i+1:]...)
			return
		}
	}
}

// run produces work and faults, each for a while.
func (c *chaos) run(length time.Duration) {
	works := c.works()
	stop := c.produce(2, func() work { return <-works })
	for began := time.Now(); time.Since(began) < length; {
		c.fault()
		<-time.After(time.Duration(200+c.random.IntN(1800)) * time.Millisecond)
		if c.random.IntN(3) == 0 {
			c.heal()
		}
	}
	c.heal()
	c.tally.tasks = stop()
}

// works draws what tasks do, in one place: the source of randomness is not for
// concurrent use.
func (c *chaos) works() <-chan work {
	random := rand.New(rand.NewPCG(c.random.Uint64(), 0))
	works := make(chan work)
	done := c.t.Context().Done()
	var drawing sync.WaitGroup
	drawing.Go(func() {
		pace := time.NewTicker(4 * time.Millisecond)
		defer pace.Stop()
		for {
			<-pace.C
			w := work{Millis: random.IntN(40)}
			switch random.IntN(20) {
			case 0:
				w.Fails = 1 + random.IntN(2)
			case 1:
				w.Millis = random.IntN(3000)
			}
			select {
			case works <- w:
			case <-done:
				return
			}
		}
	})
	c.t.Cleanup(drawing.Wait)
	return works
}

func (c *chaos) victim() *worker { return c.alive[c.random.IntN(len(c.alive))] }

// fault does one thing.
func (c *chaos) fault() {
	w := c.victim()
	proxy := c.proxies[w]
	faults := []struct {
		kind string
		do   func()
	}{
		{"worker killed", func() { c.dismiss(w); w.kill(); c.hire() }},
		{"worker told to stop", func() { c.terminate(w) }},
		{"worker frozen", func() { w.freeze(); c.frozen[w] = true }},
		{"worker cut off", proxy.Cut},
		{"worker stalled", proxy.Stall},
		{"worker refused", proxy.Refuse},
		{"half closed", proxy.HalfClose},
		{"replies lost", func() { proxy.DropReplies(0.1, c.random.Uint64()) }},
		{"delay", func() { proxy.Delay(time.Duration(c.random.IntN(100)) * time.Millisecond) }},
		{"throttle", func() { proxy.Throttle(20_000 + c.random.IntN(100_000)) }},
		{"redis killed", func() { c.server.Kill(); c.server.Restart(c.t) }},
		{"redis frozen", func() {
			c.server.Freeze()
			<-time.After(time.Duration(c.random.IntN(1500)) * time.Millisecond)
			c.server.Thaw()
		}},
		{"scripts flushed", func() { _ = c.server.Client(c.t).ScriptFlush(c.t.Context()).Err() }},
		{"connections killed", func() { _ = c.server.Client(c.t).ClientKillByFilter(c.t.Context(), "TYPE", "normal").Err() }},
	}
	chosen := faults[c.random.IntN(len(faults))]
	c.tally.faults++
	c.tally.kinds[chosen.kind]++
	chosen.do()
}

// terminate wants a worker to go by itself, however cut off it is.
func (c *chaos) terminate(w *worker) {
	if c.frozen[w] {
		return
	}
	c.dismiss(w)
	w.signal(syscall.SIGTERM)
	select {
	case <-w.ended:
	case <-time.After(20 * time.Second):
		c.t.Errorf("%s still runs 20 s after SIGTERM", w.Name)
		w.kill()
	}
	c.hire()
}

// heal ends the faults that last.
func (c *chaos) heal() {
	for w := range c.frozen {
		w.thaw()
	}
	clear(c.frozen)
	for _, proxy := range c.proxies {
		proxy.Heal(c.t)
	}
}

func (c *chaos) finish() {
	c.t.Helper()
	c.drain(90 * time.Second)
	events := c.stage.finish()
	for _, e := range events {
		if e.Type == history.TypeStart {
			c.tally.runs++
		}
	}
	for _, runs := range again(attemptsOnly(events)) {
		c.tally.again += len(runs) - 1
	}
}
