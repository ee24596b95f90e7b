package jobsy_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// Options are refused as a field, or work.
func FuzzServerOptions(f *testing.F) {
	f.Add("name", "queue", 1, 10, int64(time.Second), int64(time.Second), int64(0), 5)
	f.Add("", "", 0, 0, int64(0), int64(0), int64(0), 0)
	f.Add("\x00", "{}", -1, -1, int64(-1), int64(-2), int64(-3), -1)
	f.Add("n", "q", 1<<40, 1<<40, int64(1), int64(1<<62), int64(1<<62), 1<<40)
	f.Fuzz(func(t *testing.T, name, queue string, weight, concurrency int, lease, shutdown, retention int64, deliveries int) {
		if concurrency > 10_000 { // it is room that the user asked for
			concurrency = 10_000
		}
		b := memory.New(nil)
		defer b.Close()
		server := jobsy.NewServer(b, &jobsy.ServerOptions{
			Name: name, Queues: map[string]int{queue: weight}, Concurrency: concurrency,
			LeaseDuration: time.Duration(lease), ShutdownTimeout: time.Duration(shutdown),
			FailedRetention: time.Duration(retention), MaxDeliveries: deliveries,
		})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := server.Run(ctx)
		var field *task.FieldError
		if err != nil && (!errors.As(err, &field) || field.Field == "" || field.Rule == "") {
			t.Errorf("Run: %v, want nil or a *task.FieldError that says which and why", err)
		}
	})
}
