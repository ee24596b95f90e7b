package scheduler

import (
	"time"

	"github.com/robfig/cron/v3"
)

// calendar is a cron spec in a time zone. cron.SpecSchedule itself skips what
// falls into a gap and repeats what comes twice; here it computes wall-clock
// times only, which are written as if the zone were UTC, and calendar maps them
// to instants.
type calendar struct {
	fields *cron.SpecSchedule
	zone   *time.Location
	hourly bool // every hour matches: elapsed time counts, not the wall clock
}

func newCalendar(fields *cron.SpecSchedule, zone *time.Location) *calendar {
	const allHours = 1<<24 - 1
	fields.Location = time.UTC
	return &calendar{fields: fields, zone: zone, hourly: fields.Hour&allHours == allHours}
}

// fires reports whether any time matches. A list may be empty ("," for the
// minutes), and a date may never come (30 February).
func (c *calendar) fires() bool {
	f := c.fields
	for _, bits := range []uint64{f.Second, f.Minute, f.Hour, f.Dom, f.Month, f.Dow} {
		if bits == 0 {
			return false
		}
	}
	return !c.match(time.Unix(0, 0).UTC()).IsZero()
}

func (c *calendar) next(_, after time.Time) time.Time {
	if c.hourly {
		return c.nextElapsed(after.In(c.zone))
	}
	return c.nextOnWall(after.In(c.zone))
}

// nextOnWall goes from one matching wall-clock time to the next until one lies
// ahead: those that came before, in the same fold or gap, map to the past.
func (c *calendar) nextOnWall(after time.Time) time.Time {
	wall := wallClock(after)
	for {
		wall = c.match(wall)
		if wall.IsZero() {
			return wall
		}
		if at := firstInstant(wall, c.zone); at.After(after) {
			return at
		}
	}
}

// nextElapsed looks through one period of constant offset after the other.
func (c *calendar) nextElapsed(after time.Time) time.Time {
	period, wall := after, wallClock(after)
	for {
		wall = c.match(wall)
		if wall.IsZero() {
			return wall
		}
		at := wall.Add(-offset(period)).In(c.zone)
		_, end := period.ZoneBounds()
		if end.IsZero() || at.Before(end) {
			return at
		}
		period, wall = end, wallClock(end).Add(-time.Second)
	}
}

// match returns the first matching wall-clock time after the given one. Next
// searches five years ahead, and from one 29 February to another it may be eight.
func (c *calendar) match(wall time.Time) time.Time {
	if next := c.fields.Next(wall); !next.IsZero() {
		return next
	}
	return c.fields.Next(time.Date(wall.Year()+6, 1, 1, 0, 0, -1, 0, time.UTC))
}

// firstInstant returns the first instant at which clocks in the zone show the
// given wall-clock time, or if none does, the end of the gap it falls into.
func firstInstant(wall time.Time, zone *time.Location) time.Time {
	period := wall.Add(-24 * time.Hour).In(zone) // no zone is so far ahead of UTC
	for {
		at := wall.Add(-offset(period)).In(zone)
		start, end := period.ZoneBounds()
		switch {
		case at.Before(start):
			return start
		case end.IsZero() || at.Before(end):
			return at
		}
		period = end
	}
}

// wallClock returns what clocks show at t, as if in UTC.
func wallClock(t time.Time) time.Time { return t.UTC().Add(offset(t)) }

func offset(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}
