package broker_test

import (
	"bytes"
	"testing"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/internal/tasktest"
	"github.com/nex-gen-tech/jobsy/task"
)

// Into new memory, and into that of tasks with more and with less in it.
func TestCloneIntoIsDeep(t *testing.T) {
	t.Parallel()
	r := tasktest.NewRandom(t)
	for range 100 {
		for _, into := range []*task.Task{{}, tasktest.Random(r), {Payload: make([]byte, 1, 1000)}} {
			original := tasktest.Random(r)
			original.SetForeign([]byte("foreign"))
			before := record.Encode(original)
			broker.CloneInto(into, original)
			if !bytes.Equal(before, record.Encode(into)) {
				t.Fatalf("a clone differs: %s", tasktest.Differ(original, into))
			}
			tasktest.Spoil(into)
			if !bytes.Equal(before, record.Encode(original)) {
				t.Fatal("the original changed with its clone")
			}
		}
	}
}

func TestCloneIntoUsesTheMemoryOfThePayload(t *testing.T) {
	t.Parallel()
	memory := make([]byte, 10)
	into := &task.Task{Payload: memory}
	broker.CloneInto(into, task.New("n", []byte("payload")))
	if string(memory[:7]) != "payload" {
		t.Errorf("the payload is not where one was: %q", memory)
	}
	broker.CloneInto(into, task.New("n", nil))
	if into.Payload != nil {
		t.Errorf("the clone of a task without a payload has %q", into.Payload)
	}
}
