package memory

import "time"

// clock tells the time, and for how long the process has run.
type clock func() (now time.Time, ran time.Duration)

func system() clock {
	began := time.Now()
	return func() (time.Time, time.Duration) {
		now := time.Now()
		return now, now.Sub(began)
	}
}

// leastStep is by how much the clock must have been set for the broker to take
// notice.
const leastStep = 100 * time.Millisecond

// now returns the broker's time, which is the time of day: that is what a RunAt
// means. When that jumps, for the clock was set or the machine slept, what lasts
// for a while is carried along: see jump.
func (b *Broker) now() time.Time {
	now, ran := b.clock()
	ahead := now.UnixNano() - int64(ran)
	if d := time.Duration(ahead - b.ahead); d >= leastStep || d <= -leastStep {
		b.ahead = ahead
		b.jump(d)
	}
	return now
}

// jump carries leases and servers over a jump of the clock: they last for as long
// as this process runs, as the timers of those who wait do. Who waits looks again,
// for what is due may be due at another time now.
func (b *Broker) jump(d time.Duration) {
	for _, q := range b.queues {
		q.running.shift(int64(d))
	}
	for name, s := range b.servers {
		s.Expires = s.Expires.Add(d)
		b.servers[name] = s
	}
	var rouse []*waiter
	for _, lobbies := range b.lobbies {
		for _, l := range lobbies {
			rouse = append(rouse, l.front())
		}
	}
	b.rouse(rouse)
	b.log.Warn("the clock was set, or the machine has slept: leases are carried along", "by", d)
}

// shift moves all times. Their order stays.
func (h *heap) shift(d int64) {
	for i := range h.items {
		it := &h.items[i]
		it.at = max(it.at+d, 0)
		it.entry.key.at = it.at
	}
}
