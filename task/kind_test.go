package task_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/internal/tasktest"
	"github.com/nex-gen-tech/jobsy/task"
)

func ExampleKind() {
	type User struct {
		ID   int64
		Name string
	}
	welcome := task.Kind[User]{Name: "email:welcome", Queue: "mail", MaxRetry: 5}

	t := welcome.New(User{ID: 42, Name: "Ada"})
	fmt.Println(t.Name, t.Queue, t.MaxRetry, string(t.Payload))

	user, err := welcome.Args(t)
	fmt.Println(user.Name, err)
	// Output:
	// email:welcome mail 5 {"ID":42,"Name":"Ada"}
	// Ada <nil>
}

type order struct {
	ID     int64
	Ratio  float64
	Note   string
	Raw    []byte
	At     time.Time
	Lines  map[string][]uint64
	Parent *order
}

func TestKindRoundTrip(t *testing.T) {
	t.Parallel()
	kind := task.Kind[order]{Name: "order"}
	want := order{
		ID: math.MaxInt64, Ratio: math.SmallestNonzeroFloat64, Note: "<a> & \"b\" \u2028 →", Raw: []byte{0, 255},
		At: time.Date(2025, 1, 2, 3, 4, 5, 6, time.UTC), Lines: map[string][]uint64{"x": {math.MaxUint64, 1<<53 + 1}},
		Parent: &order{ID: math.MinInt64, Ratio: math.MaxFloat64},
	}
	queued := kind.New(want)
	if err := broker.Prepare(queued); err != nil {
		t.Fatal(err)
	}
	back, err := record.Decode(record.Encode(queued), queued.ID)
	if err != nil {
		t.Fatal(err)
	}
	got, err := kind.Args(back)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestKindSetsTheTaskUp(t *testing.T) {
	t.Parallel()
	full := task.Kind[string]{
		Name: "n", Queue: "q", Priority: task.HighPriority, MaxRetry: -1, Timeout: time.Minute, Retention: time.Hour,
		Unique: task.Unique{Mode: task.Throttle, Key: "k", For: time.Hour}, Gather: task.Gather{Key: "g", Size: 7},
	}
	got := full.New("x")
	want := &task.Task{
		ID: got.ID, Name: "n", Payload: []byte(`"x"`), Queue: "q", Priority: task.HighPriority, MaxRetry: -1,
		Timeout: time.Minute, Retention: time.Hour, Unique: full.Unique, Gather: full.Gather,
	}
	if diff := tasktest.Differ(want, got); diff != "" || got.ID.Version() != 7 {
		t.Errorf("id %v; %s", got.ID, diff)
	}

	bare := task.Kind[string]{Name: "n"}.New("x")
	if diff := tasktest.Differ(&task.Task{ID: bare.ID, Name: "n", Payload: []byte(`"x"`)}, bare); diff != "" {
		t.Errorf("a zero field does not leave the task's own default: %s", diff)
	}
}

func TestKindThatCannotEncode(t *testing.T) {
	t.Parallel()
	bad := task.Kind[any]{Name: "n"}.New(make(chan int))
	for name, queued := range map[string]*task.Task{"task": bad, "clone": bad.Clone()} {
		before := queued.Clone()
		err := broker.Prepare(queued)
		var unsupported *json.UnsupportedTypeError
		if !errors.As(err, &unsupported) || !strings.HasPrefix(err.Error(), "encode arguments of n: ") {
			t.Errorf("%s: Prepare returned %v", name, err)
		}
		if diff := tasktest.Differ(before, queued); diff != "" {
			t.Errorf("%s: a refused task has changed: %s", name, diff)
		}
	}
}

func TestKindThatCannotDecode(t *testing.T) {
	t.Parallel()
	kind := task.Kind[order]{Name: "order"}
	for _, payload := range []string{"", "{", `"text"`, `{"ID":1.5}`, `{"ID":1}{}`, "\x00"} {
		_, err := kind.Args(task.New("other", []byte(payload)))
		if err == nil || !strings.HasPrefix(err.Error(), "decode arguments of order: ") {
			t.Errorf("%q: error is %v, want one that names the kind", payload, err)
		}
	}
	var mismatch *json.UnmarshalTypeError
	if _, err := kind.Args(task.New("order", []byte(`[]`))); !errors.As(err, &mismatch) {
		t.Errorf("error is %v, which hides json's", err)
	}
}

// Where there is nothing to decode into, nothing has to be there.
func TestKindOfNothing(t *testing.T) {
	t.Parallel()
	for _, payload := range [][]byte{nil, {}, []byte("{}"), []byte("null")} {
		if _, err := (task.Kind[struct{}]{Name: "n"}).Args(task.New("n", payload)); err != nil {
			t.Errorf("%q: %v", payload, err)
		}
	}
	if _, err := (task.Kind[struct{}]{Name: "n"}).Args(task.New("n", []byte("{"))); err == nil {
		t.Error("a payload that is cut is decoded into nothing")
	}
	if _, err := (task.Kind[any]{Name: "n"}).Args(task.New("n", nil)); err == nil {
		t.Error("an empty payload is decoded into something")
	}
}
