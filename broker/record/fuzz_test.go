package record_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/internal/tasktest"
	"github.com/nex-gen-tech/jobsy/task"
)

// What a producer sets is refused as a field, or kept whole by the record.
func FuzzFields(f *testing.F) {
	f.Add("name", "queue", "key", []byte("payload"), 128, 25, int64(time.Second), int64(time.Minute), int64(1700000000), 1, 2)
	f.Add("", "", "", []byte(nil), 0, 0, int64(0), int64(0), int64(0), 0, 0)
	f.Add("a\x00", "{q}", "\xff", []byte{0}, -1, -1, int64(-1), int64(-1), int64(-1), -1, -1)
	f.Add("n", "q", "k", []byte("p"), 255, 1<<30, int64(1<<62), int64(1<<62), int64(1<<40), 5, 1<<30)
	f.Fuzz(func(t *testing.T, name, queue, key string, payload []byte, priority, retries int, timeout, retention, at int64, mode, size int) {
		one := task.New(name, payload)
		one.Queue, one.Priority, one.MaxRetry = queue, task.Priority(priority), retries
		one.Timeout, one.Retention = time.Duration(timeout), time.Duration(retention)
		if at != 0 {
			one.RunAt = time.Unix(at, 0)
		}
		if mode != 0 {
			one.Unique = task.Unique{Mode: task.UniqueMode(mode), Key: key, For: one.Timeout}
		}
		if size != 0 {
			one.Gather = task.Gather{Key: key, Size: size, Delay: one.Timeout, Quiet: one.Timeout}
		}
		if err := broker.Prepare(one); err != nil {
			var field *task.FieldError
			if !errors.As(err, &field) || field.Field == "" || field.Rule == "" {
				t.Errorf("Prepare: %v, want a *task.FieldError that says which and why", err)
			}
			return
		}
		kept := record.Encode(one)
		back, err := record.Decode(string(kept), one.ID)
		if err != nil {
			t.Fatalf("the record of a task that was taken: %v", err)
		}
		if diff := tasktest.Differ(one, back); diff != "" {
			t.Errorf("the record says other than the task: %s", diff)
		}
		if again := record.Encode(back); !bytes.Equal(kept, again) {
			t.Errorf("the record changes: %x, then %x", kept, again)
		}
	})
}
