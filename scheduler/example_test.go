package scheduler_test

import (
	"context"
	"fmt"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/scheduler"
	"github.com/nex-gen-tech/jobsy/task"
)

// Any number of schedulers may run the same schedule: each tick is one task.
func Example() {
	b := memory.New(nil)
	defer b.Close()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	for range 3 {
		s := scheduler.New(b, nil)
		if err := s.Every("heartbeat", 20*time.Millisecond, task.New("ping", nil)); err != nil {
			fmt.Println(err)
		}
		go func() { ended <- s.Run(ctx) }()
	}

	// A Server would do this.
	seen := map[string]bool{}
	for len(seen) < 3 {
		leases, err := b.Lease(ctx, broker.LeaseRequest{
			Worker: "w", Queues: []string{task.DefaultQueue}, Max: 1, Duration: time.Minute,
		})
		if err != nil {
			fmt.Println(err)
			break
		}
		tick := leases[0].Task.Headers[scheduler.HeaderTick]
		fmt.Println(leases[0].Task.Name, "seen before:", seen[tick])
		seen[tick] = true
	}
	stop()
	for range 3 {
		fmt.Println("ended:", <-ended)
	}
	// Output:
	// ping seen before: false
	// ping seen before: false
	// ping seen before: false
	// ended: <nil>
	// ended: <nil>
	// ended: <nil>
}

// A spec goes by the clock of a time zone.
func ExampleScheduler_Cron() {
	s := scheduler.New(memory.New(nil), nil)
	fmt.Println(s.Cron("report", "CRON_TZ=Europe/Berlin 0 9 * * mon-fri", task.New("report:daily", nil)))
	fmt.Println(s.Cron("never", "0 0 30 2 *", task.New("report:daily", nil)))
	fmt.Println(s.Cron("wrong", "61 * * * *", task.New("report:daily", nil)))
	// Output:
	// <nil>
	// spec must name a time that comes, got "0 0 30 2 *"
	// spec must be a cron spec (end of range (61) above maximum (59): 61), got "61 * * * *"
}

// What one schedule does differently is said in a Schedule.
func ExampleScheduler_Add() {
	s := scheduler.New(memory.New(nil), nil)
	err := s.Add(scheduler.Schedule{
		ID:      "import",
		Spec:    "*/10 * * * *",
		Task:    task.New("import", nil),
		Missed:  scheduler.MissedSkip,  // after a downtime, wait for the next tick
		Overlap: scheduler.OverlapSkip, // never two imports at once
	})
	fmt.Println(err)
	for _, schedule := range s.Schedules() {
		fmt.Println(schedule.ID, schedule.Spec, schedule.Location, schedule.Missed, schedule.Overlap)
	}
	// Output:
	// <nil>
	// import */10 * * * * UTC skip skip
}

// Middleware sees the task of each tick before it is enqueued. Values of
// jobsy.EnqueueMiddleware fit, such as what traces a client.
func ExampleOptions_use() {
	type enqueue = func(ctx context.Context, tasks ...*task.Task) error
	ctx, stop := context.WithCancel(context.Background())
	log := func(next enqueue) enqueue {
		return func(ctx context.Context, tasks ...*task.Task) error {
			err := next(ctx, tasks...)
			fmt.Println(tasks[0].Name, "of", tasks[0].Headers[scheduler.HeaderSchedule], tasks[0].Status, err)
			stop()
			return err
		}
	}
	s := scheduler.New(memory.New(nil), &scheduler.Options{Use: []func(enqueue) enqueue{log}})
	fmt.Println(s.Every("heartbeat", 10*time.Millisecond, task.New("ping", nil)))
	fmt.Println(s.Run(ctx))
	// Output:
	// <nil>
	// ping of heartbeat pending <nil>
	// <nil>
}

// Schedules that come from a configuration are synced when it is read: what is new
// is added, what has changed is changed, and what is gone is removed.
func ExampleScheduler_Sync() {
	s := scheduler.New(memory.New(nil), nil) // it may run already
	load := func(specs map[string]string) error {
		var schedules []scheduler.Schedule
		for id, spec := range specs {
			schedules = append(schedules, scheduler.Schedule{ID: id, Spec: spec, Task: task.New(id, nil)})
		}
		return s.Sync("schedules.yaml", schedules)
	}
	fmt.Println(load(map[string]string{"report": "@daily", "sweep": "@hourly"}))
	fmt.Println(load(map[string]string{"digest": "@daily", "sweep": "*/30 * * * *"}))
	fmt.Println(load(map[string]string{"sweep": "now and then"}))
	for _, schedule := range s.Schedules() {
		fmt.Println(schedule.ID, schedule.Spec)
	}
	// Output:
	// <nil>
	// <nil>
	// schedule 1 of 1: spec must be a cron spec (expected 5 to 6 fields, found 3: [now and then]), got "now and then"
	// digest @daily
	// sweep */30 * * * *
}

// A tick passes without its task while that of the last one runs, though not while
// it waits for a retry, and while any other task has its lock.
func ExampleOverlapPolicy() {
	s := scheduler.New(memory.New(nil), nil)
	refresh := task.New("cache:refresh", nil)
	refresh.Unique = task.Unique{Mode: task.UntilEnded, Key: "cache"}
	fmt.Println(s.Add(scheduler.Schedule{ID: "refresh", Spec: "@hourly", Task: refresh}))
	fmt.Println(s.Add(scheduler.Schedule{ID: "import", Spec: "@hourly", Task: task.New("import", nil), Overlap: scheduler.OverlapBusy}))
	fmt.Println(s.Add(scheduler.Schedule{ID: "export", Spec: "@hourly", Task: task.New("export", nil), Overlap: "never"}))
	// Output:
	// <nil>
	// <nil>
	// Overlap must be allow, skip or busy, got "never"
}
