package brokertest

import (
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

func progressRules() []rule {
	return []rule{
		{announced, "inspection shows the progress that was reported last", showsProgress},
		{fenced, "an overtaken worker reports no progress", fencesProgress},
	}
}

// report extends a lease with a progress.
func (s *trial) report(l broker.Lease, fraction float64, text string) []error {
	l.Progress = &task.Progress{Fraction: fraction, Text: text, At: time.Unix(1_700_000_000, 0)}
	return s.broker.Extend(s.ctx, []broker.Lease{l}, long)
}

func (s *trial) showsNow(l broker.Lease, want task.Progress) {
	s.Helper()
	got := s.shown(l.ID, task.StatusRunning).Progress
	if got.Fraction != want.Fraction || got.Text != want.Text || got.At.IsZero() != (want.Text == "") {
		s.Errorf("inspection shows the progress %+v, want %+v", got, want)
	}
}

func showsProgress(s *trial) {
	s.inspector()
	s.enqueue(newTask("slow"))
	held := s.lease()
	s.showsNow(held, task.Progress{})
	s.match("Extend", s.report(held, 0.25, "a quarter"), nil)
	s.showsNow(held, task.Progress{Fraction: 0.25, Text: "a quarter"})
	s.match("Extend", s.report(held, 0.5, "half"), nil)
	s.extend(long, held)
	s.showsNow(held, task.Progress{Fraction: 0.5, Text: "half"})
	s.end(held)
	s.leavesNothing()
}

func fencesProgress(s *trial) {
	s.inspector()
	late, current := s.overtaken(newTask("disputed"))
	s.match("Extend", s.report(current, 0.5, "half"), nil)
	s.isLost("Extend", s.report(late, 0.75, "late"))
	s.showsNow(current, task.Progress{Fraction: 0.5, Text: "half"})
	s.end(current)
	s.isLost("Extend", s.report(current, 1, "late"))
	s.leavesNothing()
}
