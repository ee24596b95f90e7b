package task_test

import (
	"bytes"
	"strings"
	"testing"
	"unsafe"

	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/internal/tasktest"
	"github.com/nex-gen-tech/jobsy/task"
)

func TestNew(t *testing.T) {
	t.Parallel()
	a, b := task.New("email:welcome", []byte("x")), task.New("email:welcome", []byte("x"))
	if a.ID.Version() != 7 || a.ID == b.ID {
		t.Errorf("ids are %v and %v, want two of version 7", a.ID, b.ID)
	}
	want := &task.Task{ID: a.ID, Name: "email:welcome", Payload: []byte("x")}
	if diff := tasktest.Differ(want, a); diff != "" {
		t.Error(diff)
	}
}

func TestCloneIsDeep(t *testing.T) {
	t.Parallel()
	original := tasktest.Random(tasktest.NewRandom(t))
	original.SetForeign([]byte("foreign"))
	before, clone := record.Encode(original), original.Clone()
	if diff := tasktest.Differ(original, clone); diff != "" || string(clone.Foreign()) != "foreign" {
		t.Fatalf("a clone differs: %s; it has the foreign fields %q", diff, clone.Foreign())
	}
	tasktest.Spoil(clone)
	if !bytes.Equal(before, record.Encode(original)) {
		t.Error("the original changed with its clone")
	}
}

func TestForeignIsKeptBesideErr(t *testing.T) {
	t.Parallel()
	bad := task.Kind[any]{Name: "n"}.New(make(chan int))
	err := bad.Err()
	if err == nil || bad.Foreign() != nil {
		t.Fatalf("a task that could not be encoded has Err %v and foreign fields %q", err, bad.Foreign())
	}
	clone := bad.Clone()
	clone.SetForeign([]byte("f"))
	if clone.Err() != err || string(clone.Foreign()) != "f" || bad.Foreign() != nil {
		t.Errorf("Err is %v, the fields are %q, those of the original %q", clone.Err(), clone.Foreign(), bad.Foreign())
	}
	clone.SetForeign(nil)
	if clone.Err() != err || clone.Foreign() != nil {
		t.Errorf("Err is %v, the fields are %q, want none", clone.Err(), clone.Foreign())
	}
	if good := task.New("n", nil); good.Err() != nil || good.Foreign() != nil {
		t.Errorf("a task of New has Err %v and foreign fields %q", good.Err(), good.Foreign())
	}
}

// Beyond 512 bytes, memory comes in coarser sizes.
func TestTaskIsSmall(t *testing.T) {
	t.Parallel()
	if size := unsafe.Sizeof(task.Task{}); size > 512 && unsafe.Sizeof(uintptr(0)) == 8 {
		t.Errorf("a task takes %d bytes, want at most 512", size)
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	want := "scheduled pending running retrying completed! failed! cancelled!"
	var got []string
	for _, status := range task.Statuses() {
		mark := map[bool]string{true: "!"}[status.Ended()]
		got = append(got, string(status)+mark)
	}
	if text := strings.Join(got, " "); text != want {
		t.Errorf("statuses, ended ones marked: %s, want %s", text, want)
	}
	if task.Status("").Ended() {
		t.Error("a task without a status has ended")
	}
}
