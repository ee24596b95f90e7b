package scheduler

import "time"

// clock tells the broker's time: what the broker said, and what has passed here
// since by the monotonic clock. Until the broker has said something, it tells
// this host's.
type clock struct {
	said time.Time // by the broker
	at   time.Time // by this host, when the broker said it

	wall     func() time.Time // this host's, which counts the time it sleeps
	lastWall time.Time        // when jumped was asked last
	lastMono time.Time
}

func newClock(wall func() time.Time) clock {
	now := time.Now()
	return clock{said: now.Round(0), at: now, wall: wall, lastWall: wall(), lastMono: now}
}

func hostWall() time.Time { return time.Now().Round(0) }

func (c *clock) now() time.Time { return c.said.Add(time.Since(c.at)) }

// local converts a time of the broker's to one of this host's.
func (c *clock) local(t time.Time) time.Time { return c.at.Add(t.Sub(c.said)) }

// set takes the time in a reply. It was said somewhere between sending and
// receiving, in milliseconds perhaps, so it proves the clock wrong only beyond
// that: a slow reply does not spoil what a quick one has told. set reports
// whether it has moved the clock.
func (c *clock) set(said, sent, received time.Time) bool {
	doubt := received.Sub(sent) / 2
	at := sent.Add(doubt)
	wrong := said.Sub(c.said.Add(at.Sub(c.at)))
	if wrong.Abs() <= doubt+time.Millisecond {
		return false
	}
	c.said, c.at = said.Round(0), at
	return true
}

// jumped reports whether the host has slept, which stops its monotonic clock, or
// had its clock set, since jumped was asked last.
func (c *clock) jumped() bool {
	wall, mono := c.wall(), time.Now()
	apart := wall.Sub(c.lastWall) - mono.Sub(c.lastMono)
	c.lastWall, c.lastMono = wall, mono
	return apart.Abs() > time.Second
}
