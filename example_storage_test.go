package jobsy_test

import (
	"context"
	"fmt"
	"time"

	"github.com/nex-gen-tech/jobsy"
)

// With a storage, what one process has left runs in the next.
func ExampleWorkerOptions_storage() {
	disk := NewCustomStorage() // yours: five methods

	former := jobsy.NewWorker(&jobsy.WorkerOptions{Storage: disk})
	_, _ = former.RunAt("report", func() error { return nil }, time.Now().Add(10*time.Millisecond))
	// The process ends here, before the task has run.

	w := jobsy.NewWorker(&jobsy.WorkerOptions{Storage: disk})
	ctx, cancel := context.WithCancel(context.Background())
	_ = w.Register("report", func() error {
		fmt.Println("the report of the former process")
		cancel()
		return nil
	})
	fmt.Println(w.Start(ctx))
	// Output:
	// the report of the former process
	// <nil>
}
