package jobsytest_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/jobsytest"
	"github.com/nex-gen-tech/jobsy/task"
)

type Invoice struct{ Number int }

var Bill = task.Kind[Invoice]{Name: "invoice:bill"}

func bill(_ context.Context, i Invoice) error {
	if i.Number == 0 {
		return jobsy.SkipRetry(errors.New("an invoice needs a number"))
	}
	if i.Number > 100 {
		return jobsy.RetryAfter(time.Hour, errors.New("the bank is closed"))
	}
	return nil
}

// t stands for the *testing.T of a test.
var t exampleT

func Example() {
	b := jobsytest.New(&t, func(s *jobsy.Server) { jobsy.Handle(s, Bill, bill) })
	defer t.end()

	for _, number := range []int{7, 0, 101} {
		o := b.Work(Bill.New(Invoice{number}))
		fmt.Println(number, o.Status, o.Err(), o.Delay)
	}

	_ = b.Client().Enqueue(context.Background(), Bill.New(Invoice{8})) // as the code under test does
	jobsytest.RequireEnqueued(b, Bill, Invoice{8})
	fmt.Println(len(b.Drain()), "drained")
	jobsytest.RequireNone(b, Bill)
	// Output:
	// 7 completed <nil> 0s
	// 0 failed an invoice needs a number 0s
	// 101 retrying the bank is closed 1h0m0s
	// 1 drained
}

type exampleT struct{ cleanups []func() }

func (t *exampleT) Helper()                           {}
func (t *exampleT) Logf(format string, args ...any)   { fmt.Printf(format+"\n", args...) }
func (t *exampleT) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (t *exampleT) Cleanup(f func())                  { t.cleanups = append(t.cleanups, f) }

func (t *exampleT) end() {
	for _, cleanup := range t.cleanups {
		cleanup()
	}
}
