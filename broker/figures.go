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
	return task.CheckName("ServerInfo.Name", s.Name)
}

// CheckTallies returns a *task.FieldError unless they can be recorded.
func CheckTallies(queue string, tallies map[string]Tally) error {
	if err := task.CheckQueue("Queue", queue); err != nil {
		return err
	}
	if len(tallies) > MaxNames {
		return &task.FieldError{Field: "tallies", Rule: "must be of at most " + strconv.Itoa(MaxNames) + " names", Value: strconv.Itoa(len(tallies))}
	}
	for name := range tallies {
		if name == "" {
			continue
		}
		if err := task.CheckName("tallies", name); err != nil {
			return err
		}
	}
	return nil
}

// FiguresRange cuts the time of Monitor.Figures to whole minutes since 1970, of
// which the last is not part, and to what is kept.
func FiguresRange(from, to, now time.Time) (first, end int64) {
	const minute = int64(time.Minute / time.Second)
	first = max(from.Unix(), now.Add(-FiguresKept).Unix()) / minute
	end = min(to.Unix(), now.Unix()+minute) / minute
	return first, max(first, end)
}

// AddMinute adds what was enqueued and recorded in one minute, the latter by the
// names of tasks.
func (f *Figures) AddMinute(at time.Time, enqueued int64, names map[string]*Tally) {
	if len(names) == 0 && enqueued == 0 {
		return
	}
	minute := Minute{At: at, Enqueued: enqueued}
	f.Enqueued += enqueued
	if f.Names == nil {
		f.Names = make(map[string]*Tally)
	}
	for name, tally := range names {
		if f.Names[name] == nil {
			f.Names[name] = &Tally{}
		}
		f.Names[name].Add(tally)
		minute.Add(tally)
	}
	f.Total.Add(&minute.Tally)
	f.Minutes = append(f.Minutes, minute)
}
