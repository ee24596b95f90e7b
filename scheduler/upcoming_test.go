package scheduler_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/scheduler"
	"github.com/nex-gen-tech/jobsy/task"
)

// Upcoming tells when a spec ticks.
func ExampleUpcoming() {
	after := time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC)
	ticks, _ := scheduler.Upcoming("CRON_TZ=Europe/Berlin 0 9 * * MON-FRI", nil, after, after, 2)
	for _, at := range ticks {
		fmt.Println(at.UTC().Format(time.DateTime))
	}
	// Output:
	// 2026-03-30 07:00:00
	// 2026-03-31 07:00:00
}

func TestUpcoming(t *testing.T) {
	t.Parallel()
	anchor := time.UnixMilli(500)
	ticks, err := scheduler.Upcoming("@every 1s", nil, anchor, time.UnixMilli(3000), 2)
	if err != nil || len(ticks) != 2 || ticks[0].UnixMilli() != 3500 || ticks[1].UnixMilli() != 4500 {
		t.Errorf("ticks %v, %v", ticks, err)
	}
	for _, err := range []error{
		second(scheduler.Upcoming("no spec", nil, anchor, anchor, 1)), second(scheduler.Upcoming("@daily", nil, anchor, anchor, -1)),
	} {
		if !errors.Is(err, task.ErrInvalid) {
			t.Errorf("error %v, want task.ErrInvalid", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
