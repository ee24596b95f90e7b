package broker

import (
	"fmt"
	"strconv"
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

// CheckPage returns a *task.FieldError unless a page may have that limit.
func CheckPage(limit int) error {
	if limit < 1 || limit > MaxBatch {
		return &task.FieldError{Field: "limit", Rule: fmt.Sprintf("must be 1 to %d", MaxBatch), Value: strconv.Itoa(limit)}
	}
	return nil
}

// Check returns a *task.FieldError unless a Beat can be about this server.
func (s *ServerInfo) Check(lasts time.Duration) error {
	if lasts < time.Millisecond {
		return &task.FieldError{Field: "lasts", Rule: "must be at least 1ms", Value: lasts.String()}
	}
	return CheckName("ServerInfo.Name", s.Name)
}

// CheckTallies returns a *task.FieldError unless they can be recorded.
func CheckTallies(queue string, tallies map[string]Tally) error {
	if err := CheckQueue("Queue", queue); err != nil {
		return err
	}
	if len(tallies) > MaxNames {
		return &task.FieldError{Field: "tallies", Rule: "must be of at most " + strconv.Itoa(MaxNames) + " names", Value: strconv.Itoa(len(tallies))}
	}
	for name := range tallies {
		if name == "" {
			continue
		}
		if err := CheckName("tallies", name); err != nil {
			return err
		}
	}
	return nil
}

// Resolution is one of those in which figures are added up: how long a period is,
// and for how long one is kept.
type Resolution struct {
	Step time.Duration
	Kept time.Duration
}

// Resolutions returns those that every broker keeps, the finest first. A day by
// the minute would be ten times as much to keep, and to read.
func Resolutions() []Resolution {
	return []Resolution{
		{Step: time.Minute, Kept: 2 * time.Hour},
		{Step: 10 * time.Minute, Kept: 24 * time.Hour},
	}
}

// Number returns which period a time is in, counted since 1970.
func (r Resolution) Number(t time.Time) int64 { return t.Unix() / int64(r.Step/time.Second) }

// Begin returns when a period begins.
func (r Resolution) Begin(number int64) time.Time {
	return time.Unix(number*int64(r.Step/time.Second), 0)
}

// Span is the periods that somebody asks for: the numbers from First on, without
// End.
type Span struct {
	Resolution
	First, End int64
}

// FiguresSpan returns the periods of which Monitor.Figures is to tell: all that
// any of the time is in, as far as they are kept, in the finest resolution that
// reaches back to from.
func FiguresSpan(from, to, now time.Time) Span {
	all := Resolutions()
	s := Span{Resolution: all[0]}
	if s.Number(from) < s.Number(now.Add(-s.Kept)) {
		s.Resolution = all[1]
	}
	s.First = max(s.Number(from), s.Number(now.Add(-s.Kept)))
	s.End = s.Number(now) + 1
	if to.Before(now) {
		s.End = s.Number(to.Add(s.Step - time.Nanosecond))
	}
	s.End = max(s.First, s.End)
	return s
}

// Add adds what was recorded in one period, the next one, if it was anything.
func (f *Figures) Add(p *Period) {
	if p.Enqueued == 0 && p.Tally == (Tally{}) {
		return
	}
	f.Enqueued += p.Enqueued
	f.Total.Add(&p.Tally)
	f.Periods = append(f.Periods, *p)
}
