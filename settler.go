package jobsy

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// settler sends outcomes until they are answered. Concurrent calls travel
// together where the broker sees a gain in it.
type settler struct {
	broker broker.Broker
	log    *slog.Logger
	ctx    context.Context // ends when there is no more time
	giveUp context.CancelFunc
}

func newSettler(b broker.Broker, log *slog.Logger) *settler {
	s := &settler{broker: b, log: log}
	s.ctx, s.giveUp = context.WithCancel(context.Background())
	return s
}

// settle reports whether the outcome took effect. If it cannot be sent, or is
// refused for a reason that does not pass, the task runs again once its lease
// has passed.
func (s *settler) settle(o broker.Outcome) bool {
	var outage outage
	for {
		err := s.try(o)
		switch {
		case err == nil:
			if outage.ends() {
				s.log.Info("task settled", "task", o.Lease.ID, "status", o.Status)
			}
			return true
		case errors.Is(err, task.ErrLeaseLost):
			s.log.Warn("lease lost; the outcome is dropped", "task", o.Lease.ID, "status", o.Status)
			return false
		case !errors.Is(err, task.ErrUnavailable) && time.Now().After(o.Lease.Expires), s.ctx.Err() != nil, errors.Is(err, task.ErrClosed):
			s.log.Error("task cannot be settled; it runs again once its lease has passed", "task", o.Lease.ID, "status", o.Status, "error", err)
			return false
		case outage.begins():
			s.log.Warn("task cannot be settled; trying again until it works", "task", o.Lease.ID, "status", o.Status, "error", err)
		}
		pause(s.ctx, outage.pause())
	}
}

func (s *settler) try(o broker.Outcome) error {
	if errs := s.broker.Settle(s.ctx, []broker.Outcome{o}); errs != nil {
		return errs[0]
	}
	return nil
}
