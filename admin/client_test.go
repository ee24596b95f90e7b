package admin_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// bare offers nothing beside the contract.
type bare struct{ broker.Broker }

// calls returns the errors of one call of each interface.
func calls(t *testing.T, c *admin.Client) map[string]error {
	t.Helper()
	_, queues := c.Queues(t.Context())
	_, servers := c.Servers(t.Context())
	_, _, schedules := c.Schedules(t.Context(), "", "", 1)
	return map[string]error{
		"Inspector": queues,
		"Monitor":   servers,
		"Operator":  c.Pause(t.Context(), ""),
		"Planner":   schedules,
		"Timetable": c.RemoveSchedule(t.Context(), "", "nightly"),
	}
}

func TestABrokerThatLacksIt(t *testing.T) {
	t.Parallel()
	for want, err := range calls(t, admin.New(bare{memory.New(nil)}, nil)) {
		if err == nil || !strings.Contains(err.Error(), "broker."+want) {
			t.Errorf("error %v, want one that names %s", err, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for field, c := range map[string]*admin.Client{
		"broker":             admin.New(nil, nil),
		"Options.MaxPayload": admin.New(memory.New(nil), &admin.Options{MaxPayload: -1}),
	} {
		for name, err := range calls(t, c) {
			var invalid *task.FieldError
			if !errors.As(err, &invalid) || invalid.Field != field {
				t.Errorf("%s: error %v, want one of %s", name, err, field)
			}
		}
	}
}

func TestNilTask(t *testing.T) {
	t.Parallel()
	c := admin.New(memory.New(nil), nil)
	_, explained := c.Explain(t.Context(), nil)
	for _, err := range []error{explained, c.SetPriority(t.Context(), nil, 1), c.SetPayload(t.Context(), nil, nil), c.Move(t.Context(), "slow", nil)} {
		if !errors.Is(err, task.ErrInvalid) {
			t.Errorf("error %v, want an invalid field", err)
		}
	}
}
