package record_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/internal/tasktest"
	"github.com/nex-gen-tech/jobsy/task"
)

// goldenNested is what the record of goldenNestedTask has beside an id and a
// name. It never changes.
func goldenNested(id uuid.UUID) proto {
	return proto{}.
		bytes(14, proto{}.varint(1, 4).bytes(2, []byte("key")).varint(3, zigzag(1e9)).varint(4, zigzag(5e9))).
		bytes(15, proto{}.bytes(1, []byte("group")).varint(2, 7).varint(3, zigzag(3e9)).varint(4, zigzag(2e9))).
		bytes(25, proto{}.fixed64(1, math.Float64bits(0.5)).bytes(2, []byte("half")).fixed64(3, 42)).
		bytes(26, proto{}.varint(1, 1).fixed64(2, 10).fixed64(3, 20).bytes(4, []byte("w")).bytes(5, []byte("e")).bytes(6, []byte("s"))).
		bytes(26, proto{}.varint(1, 2).fixed64(2, 30).fixed64(3, 40)).
		bytes(27, proto{}.varint(1, 1).bytes(2, id[:]).bytes(3, []byte("m")).bytes(4, []byte("p")).fixed64(13, 50))
}

func goldenNestedTask() *task.Task {
	t := minimal()
	fillDefaults(t)
	t.Unique = task.Unique{Mode: task.Debounce, Key: "key", For: time.Second, Limit: 5 * time.Second}
	t.Gather = task.Gather{Key: "group", Size: 7, Delay: 3 * time.Second, Quiet: 2 * time.Second}
	t.Progress = task.Progress{Fraction: 0.5, Text: "half", At: time.Unix(0, 42)}
	t.History = []task.Run{
		{Attempt: 1, StartedAt: time.Unix(0, 10), EndedAt: time.Unix(0, 20), Worker: "w", Error: "e", Stack: "s"},
		{Attempt: 2, StartedAt: time.Unix(0, 30), EndedAt: time.Unix(0, 40)},
	}
	m := minimal()
	fillDefaults(m)
	m.Name, m.Payload, m.EnqueuedAt = "m", []byte("p"), time.Unix(0, 50)
	t.Members = []*task.Task{m}
	return t
}

func TestRecordOfNestedMessages(t *testing.T) {
	t.Parallel()
	want := goldenNestedTask()
	record := slices.Concat(proto{}.varint(1, 1).bytes(2, rawID()).bytes(3, []byte("n")), goldenNested(want.ID))
	if got := encode(t, want); !bytes.Equal(got, record) {
		t.Errorf("the wire format has changed: got\n%x, want\n%x", got, record)
	}
	if diff := tasktest.Differ(want, decode(t, record)); diff != "" {
		t.Errorf("the wire format has changed: %s", diff)
	}
}

// A later version may add fields to a nested message.
func TestRecordSkipsUnknownFieldsOfNestedMessages(t *testing.T) {
	t.Parallel()
	want := minimal()
	fillDefaults(want)
	want.Unique = task.Unique{Mode: task.Latest}
	record := proto{}.bytes(2, rawID()).bytes(3, []byte("n")).
		bytes(14, proto{}.bytes(99, []byte("x")).varint(1, 5).fixed32(77, 1)).
		bytes(15, proto{}.varint(99, 1)).bytes(25, proto{}.varint(99, 1))
	if diff := tasktest.Differ(want, decode(t, record)); diff != "" {
		t.Error(diff)
	}
}

func TestRecordOfMalformedNestedMessages(t *testing.T) {
	t.Parallel()
	ok := slices.Clip(proto{}.bytes(2, rawID()).bytes(3, []byte("n")))
	member := proto{}.bytes(2, rawID()).bytes(3, []byte("m"))
	cases := map[string]proto{
		"unknown mode":             ok.bytes(14, proto{}.varint(1, 6)),
		"group of 1001":            ok.bytes(15, proto{}.varint(2, 1001)),
		"member without id":        ok.bytes(27, proto{}.bytes(3, []byte("m"))),
		"member without name":      ok.bytes(27, proto{}.bytes(2, rawID())),
		"member of a newer writer": ok.bytes(27, member.varint(1, 2)),
		"member with a member":     ok.bytes(27, member.bytes(27, member)),
		"attempt over 31 bits":     ok.bytes(26, proto{}.varint(1, 1<<31)),
	}
	for _, field := range []uint64{14, 15, 25, 26, 27} {
		for _, garbage := range []string{"00", "0001", "0a", "0a05", "ff", "0f", "09010203", "0880"} {
			raw, _ := hex.DecodeString(garbage)
			cases[fmt.Sprint(field, " ", garbage)] = ok.bytes(field, raw)
		}
	}
	for name, kept := range cases {
		if _, err := record.Decode(kept, uuid.Nil); !errors.Is(err, task.ErrRecord) {
			t.Errorf("%s: error is %v, want ErrRecord", name, err)
		}
	}
}

func TestRecordGrowsByMembers(t *testing.T) {
	t.Parallel()
	r := tasktest.NewRandom(t)
	want := goldenNestedTask()
	kept := encode(t, want)
	for range 3 {
		m := tasktest.Random(r)
		kept = record.AppendMember(kept, m)
		want.Members = append(want.Members, &task.Task{
			ID: m.ID, Name: m.Name, Payload: m.Payload, Headers: m.Headers, EnqueuedAt: m.EnqueuedAt,
			Queue: want.Queue, Priority: task.MediumPriority, MaxRetry: task.DefaultMaxRetry, Timeout: task.DefaultTimeout,
		})
	}
	if diff := tasktest.Differ(want, decode(t, kept)); diff != "" {
		t.Error(diff)
	}
}

func TestProgressRoundTrip(t *testing.T) {
	t.Parallel()
	for _, want := range []task.Progress{
		{}, {Fraction: 1, At: time.Unix(0, 1)}, {Fraction: 0.25, Text: "a → b", At: time.Unix(7, 7)}, {At: time.Unix(0, 0)},
	} {
		if got, err := record.DecodeProgress(record.EncodeProgress(want)); err != nil || got != want {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
	}
}

func TestProgressThatIsNone(t *testing.T) {
	t.Parallel()
	if got, err := record.DecodeProgress([]byte{0, 1}); !errors.Is(err, task.ErrRecord) || got != (task.Progress{}) {
		t.Errorf("garbage is read as %v, %v, want ErrRecord", got, err)
	}
	for fraction, want := range map[float64]float64{math.Inf(1): 1, math.Inf(-1): 0, -0.5: 0, 7: 1, math.NaN(): 0} {
		kept := proto{}.fixed64(1, math.Float64bits(fraction)).fixed64(3, 1)
		if got, err := record.DecodeProgress(string(kept)); err != nil || got.Fraction != want {
			t.Errorf("a fraction of %v is read as %v, %v, want %v", fraction, got.Fraction, err, want)
		}
	}
}

// A record that members are appended to is the record of a group.
func TestAppendMember(t *testing.T) {
	t.Parallel()
	leader := minimal()
	member := &task.Task{ID: uuid.New(), Name: "m", Payload: []byte("p"), Headers: map[string]string{"a": "b"}, EnqueuedAt: time.Unix(0, 5)}
	group := decode(t, record.AppendMember(record.AppendMember(encode(t, leader), member), member))
	if len(group.Members) != 2 {
		t.Fatalf("the group has %d members, want 2", len(group.Members))
	}
	got := group.Members[1]
	if got.ID != member.ID || got.Name != "m" || string(got.Payload) != "p" || got.Headers["a"] != "b" || !got.EnqueuedAt.Equal(member.EnqueuedAt) {
		t.Errorf("a member is %+v", got)
	}
	nested := decode(t, encode(t, group))
	if _, err := record.Decode(proto(encode(t, leader)).bytes(27, encode(t, nested)), uuid.Nil); !errors.Is(err, task.ErrRecord) {
		t.Errorf("a member with members is %v, want ErrRecord", err)
	}
	if _, err := record.Decode(proto(encode(t, leader)).bytes(27, []byte{0xff}), uuid.Nil); !errors.Is(err, task.ErrRecord) {
		t.Errorf("a member of garbage is %v, want ErrRecord", err)
	}
}
