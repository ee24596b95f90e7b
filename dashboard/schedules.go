package dashboard

import (
	"context"
	"slices"
	"strings"

	"github.com/nex-gen-tech/jobsy/admin"
)

const (
	maxOfQueue   = 100 // schedules of one queue
	maxSchedules = 500 // on one page
)

// schedulesData are the schedules of all queues.
type schedulesData struct {
	Known     bool // the broker can tell
	Schedules []admin.ScheduleStatus
	More      bool // there are more than are shown
}

func (d *dashboard) schedules(ctx context.Context, _ *params) (any, error) {
	data := &schedulesData{Known: d.planner != nil}
	if d.planner == nil {
		return data, nil
	}
	names, err := d.someQueues(ctx)
	if err != nil {
		return nil, err
	}
	found := make([][]admin.ScheduleStatus, len(names))
	more := make([]bool, len(names))
	err = each(len(names), func(i int) error {
		some, next, err := d.admin.Schedules(ctx, names[i], "", maxOfQueue)
		found[i], more[i] = some, next != ""
		return err
	})
	all := slices.Concat(found...)
	slices.SortFunc(all, func(a, b admin.ScheduleStatus) int {
		return strings.Compare(a.Queue+"\x00"+a.Name, b.Queue+"\x00"+b.Name)
	})
	data.More = slices.Contains(more, true) || len(all) > maxSchedules
	data.Schedules = all[:min(len(all), maxSchedules)]
	return data, err
}

// Late reports whether ticks pass that nobody takes.
func (schedulesData) Late(s admin.ScheduleStatus) bool { return s.Overdue > 2 && !s.Paused }
