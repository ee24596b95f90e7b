package browsertest

import (
	"context"
	"sync"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// plans is a broker.Planner with one schedule in queue mail.
type plans struct {
	mu     sync.Mutex
	paused bool
}

func (p *plans) Plan(context.Context, string, string, broker.Plan) error { return nil }

func (p *plans) Schedules(_ context.Context, queue, _ string, _ int) ([]broker.ScheduleInfo, string, error) {
	if queue != "mail" {
		return nil, "", nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return []broker.ScheduleInfo{{
		Queue: "mail", Name: "digest", Paused: p.paused,
		ScheduleState: broker.ScheduleState{Anchor: time.Now().Add(-90 * time.Hour), Last: time.Now().Add(-7 * time.Hour)},
		Plan:          broker.Plan{Spec: "0 9 * * MON-FRI", Location: "Europe/Berlin", Task: task.New("email:digest", nil)},
	}}, "", nil
}

func (p *plans) Schedule(ctx context.Context, queue, name string) (broker.ScheduleInfo, error) {
	all, _, _ := p.Schedules(ctx, queue, "", 1)
	if len(all) == 0 || all[0].Name != name {
		return broker.ScheduleInfo{}, task.ErrNotFound
	}
	return all[0], nil
}

func (p *plans) PauseSchedule(ctx context.Context, queue, name string) error {
	return p.set(ctx, queue, name, true)
}

func (p *plans) ResumeSchedule(ctx context.Context, queue, name string) error {
	return p.set(ctx, queue, name, false)
}

func (p *plans) set(ctx context.Context, queue, name string, paused bool) error {
	if _, err := p.Schedule(ctx, queue, name); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = paused
	return nil
}
