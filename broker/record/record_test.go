package record_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/internal/tasktest"
	"github.com/nex-gen-tech/jobsy/task"
)

func encode(tb testing.TB, t *task.Task) []byte {
	tb.Helper()
	return record.Encode(t)
}

func decode(tb testing.TB, kept []byte) *task.Task {
	tb.Helper()
	t, err := record.Decode(kept, uuid.Nil)
	if err != nil {
		tb.Fatalf("Decode(%x): %v", kept, err)
	}
	return t
}

func TestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	r := tasktest.NewRandom(t)
	for range 2000 {
		want := tasktest.Random(r)
		record := encode(t, want)
		got := decode(t, record)
		if diff := tasktest.Differ(want, got); diff != "" {
			t.Fatalf("differs after a round trip: %s", diff)
		}
		if again := encode(t, got); !bytes.Equal(record, again) {
			t.Fatalf("equal tasks have different records:\n%x\n%x", record, again)
		}
	}
}

// Each field by itself: that a record has it does not hang on another field.
func TestRecordRoundTripOfEachField(t *testing.T) {
	t.Parallel()
	full := reflect.ValueOf(tasktest.Random(tasktest.NewRandom(t))).Elem()
	for _, field := range reflect.VisibleFields(full.Type()) {
		if !field.IsExported() {
			continue
		}
		want := minimal()
		fillDefaults(want)
		value := full.FieldByIndex(field.Index)
		if value.IsZero() {
			t.Fatalf("tasktest.Random leaves %s out", field.Name)
		}
		reflect.ValueOf(want).Elem().FieldByIndex(field.Index).Set(value)
		for _, m := range want.Members {
			m.Queue = want.Queue
		}
		if diff := tasktest.Differ(want, decode(t, encode(t, want))); diff != "" {
			t.Errorf("differs after a round trip: %s", diff)
		}
	}
}

func minimal() *task.Task {
	return &task.Task{ID: uuid.MustParse("0192f0c1-0000-7000-8000-00000000002a"), Name: "n"}
}

func fillDefaults(t *task.Task) {
	t.Queue, t.Priority, t.MaxRetry, t.Timeout = "default", task.MediumPriority, 25, 30*time.Minute
}

func TestRecordLeavesDefaultsOut(t *testing.T) {
	t.Parallel()
	want := minimal()
	fillDefaults(want)
	record := encode(t, want)
	short := proto{}.varint(1, 1).bytes(2, want.ID[:]).bytes(3, []byte("n"))
	if !bytes.Equal(record, short) {
		t.Errorf("the record of a task at its defaults is %x, want %x", record, short)
	}
	if diff := tasktest.Differ(want, decode(t, record)); diff != "" {
		t.Errorf("defaults are not filled back: %s", diff)
	}
}

// What another language writes may spell defaults out, and leave the version
// out.
func TestRecordWithDefaultsSpelledOut(t *testing.T) {
	t.Parallel()
	want := minimal()
	fillDefaults(want)
	record := proto{}.bytes(2, want.ID[:]).bytes(3, []byte("n")).bytes(4, nil).bytes(6, nil).
		varint(7, 0).varint(9, 0).varint(10, 0).varint(12, 0).bytes(16, nil).varint(17, 0).
		bytes(18, nil).bytes(19, nil).varint(22, 0).varint(23, 0).bytes(24, nil)
	if diff := tasktest.Differ(want, decode(t, record)); diff != "" {
		t.Error(diff)
	}
	record = record.bytes(6, []byte("default")).varint(7, 128).varint(9, 50).varint(10, 3_600_000_000_000)
	if diff := tasktest.Differ(want, decode(t, record)); diff != "" {
		t.Error(diff)
	}
}

func TestRecordUnknownFieldsSurvive(t *testing.T) {
	t.Parallel()
	before := proto{}.varint(15, 300)
	unknown := before.bytes(30, []byte("of a newer version")).fixed64(99, 7).fixed32(1<<29-1, 9).
		bytes(9, []byte("a known number of another type"))
	record := slices.Concat(before, encode(t, minimal()), unknown[len(before):])

	changed := decode(t, record)
	changed.Attempt, changed.LastError = 3, "boom"
	for name, carrier := range map[string]*task.Task{"task": changed, "clone": changed.Clone()} {
		again := encode(t, carrier)
		if !bytes.HasSuffix(again, unknown) {
			t.Errorf("%s: unknown fields are gone: %x does not end in %x", name, again, unknown)
		}
		got := decode(t, again)
		if diff := tasktest.Differ(changed, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if !bytes.Equal(encode(t, got), again) {
			t.Errorf("%s: unknown fields change with each round trip", name)
		}
	}
	if err := broker.Prepare(changed); err != nil || !bytes.HasSuffix(encode(t, changed), unknown) {
		t.Errorf("Prepare drops unknown fields, or fails: %v", err)
	}
}

// The record must not alias what it was read from.
func TestRecordIsNotKept(t *testing.T) {
	t.Parallel()
	want := tasktest.Random(tasktest.NewRandom(t))
	record := slices.Concat(encode(t, want), proto{}.bytes(99, []byte("unknown")))
	kept := slices.Clone(record)
	got := decode(t, record)
	clear(record)
	if !bytes.Equal(encode(t, got), kept) {
		t.Error("the task changed with the bytes it was read from")
	}
	two := minimal()
	two.Payload, two.Result = []byte("payload"), []byte("result")
	two = decode(t, encode(t, two))
	_ = append(two.Payload, "12345"...)
	if string(two.Result) != "result" {
		t.Errorf("appending to Payload made Result %q", two.Result)
	}
}

func TestRecordAppends(t *testing.T) {
	t.Parallel()
	got := record.Append([]byte("before"), minimal())
	if want := append([]byte("before"), encode(t, minimal())...); !bytes.Equal(got, want) {
		t.Errorf("Append returned %x, want %x", got, want)
	}
}

func TestRecordHeadersAreOrdered(t *testing.T) {
	t.Parallel()
	keys := strings.Split("tenant trace b a ab aa zz z y x", " ")
	first := minimal()
	first.Headers = make(map[string]string)
	for _, key := range keys {
		first.Headers[key] = "value of " + key
	}
	slices.Sort(keys)
	want := proto{}.varint(1, 1).bytes(2, first.ID[:]).bytes(3, []byte("n"))
	for _, key := range keys {
		want = want.bytes(5, proto{}.bytes(1, []byte(key)).bytes(2, []byte("value of "+key)))
	}
	second := minimal()
	fillDefaults(first)
	fillDefaults(second)
	second.Headers = make(map[string]string)
	for _, key := range slices.Backward(keys) {
		second.Headers[key] = first.Headers[key]
	}
	for range 20 {
		if got := encode(t, first); !bytes.Equal(got, want) {
			t.Fatalf("got %x, want %x", got, want)
		}
		if got := encode(t, second); !bytes.Equal(got, want) {
			t.Fatalf("got %x, want %x", got, want)
		}
	}
}

func TestRecordOfNewerVersion(t *testing.T) {
	t.Parallel()
	for _, version := range []uint64{2, 3, math.MaxUint64} {
		_, err := record.Decode(proto{}.varint(1, version).bytes(2, rawID()).bytes(3, []byte("n")), uuid.Nil)
		if !errors.Is(err, task.ErrRecord) || !strings.Contains(err.Error(), "newer than 1") {
			t.Errorf("version %d: %v", version, err)
		}
	}
}

func rawID() []byte { id := minimal().ID; return id[:] }

func TestRecordMalformed(t *testing.T) {
	t.Parallel()
	ok := slices.Clip(proto{}.varint(1, 1).bytes(2, rawID()).bytes(3, []byte("n")))
	decode(t, ok)
	cases := map[string][]byte{
		"empty":                        {},
		"no id":                        proto{}.varint(1, 1).bytes(3, []byte("n")),
		"zero id":                      proto{}.bytes(2, make([]byte, 16)).bytes(3, []byte("n")),
		"no name":                      proto{}.bytes(2, rawID()),
		"empty name":                   proto{}.bytes(2, rawID()).bytes(3, nil),
		"short id":                     ok.bytes(2, rawID()[1:]),
		"long id":                      ok.bytes(2, append(rawID(), 0)),
		"id as text":                   ok.bytes(2, []byte("0192f0c1-0000-7000-8000-00000000002a")),
		"field number 0":               append(ok, 0, 1),
		"tag without value":            append(ok, 4<<3),
		"endless varint":               append(ok, 0xe0, 1, 0xff, 0xff, 0xff),
		"varint of 65 bits":            append(ok, 0xe0, 1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2),
		"length beyond the end":        append(ok, 4<<3|2, 5, 'a'),
		"length of 2^64-1":             append(ok, 4<<3|2, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1),
		"half a time":                  append(ok, 8<<3|1, 1, 2, 3, 4),
		"group":                        append(ok, 0xe3, 1),
		"end of a group":               append(ok, 0xe4, 1),
		"wire type 6":                  append(ok, 0xe6, 1),
		"wire type 7":                  append(ok, 0xe7, 1),
		"unknown fixed32 cut":          append(ok, 0xe5, 1, 1, 2, 3),
		"priority 256":                 ok.varint(7, 256),
		"priority -1":                  ok.varint(7, math.MaxUint64),
		"attempt over 31 bits":         ok.varint(17, 1<<31),
		"deliveries over 31 bits":      ok.varint(22, 1<<31),
		"snoozes over 31 bits":         ok.varint(28, 1<<31),
		"excused over 31 bits":         ok.varint(29, 1<<31),
		"token over 53 bits":           ok.varint(23, 1<<53+1),
		"header with a cut key":        ok.bytes(5, []byte{1<<3 | 2, 9, 'a'}),
		"header with field number 0":   ok.bytes(5, []byte{0, 0}),
		"header with a cut unknown":    ok.bytes(5, []byte{3<<3 | 1, 0}),
		"a good field after a bad one": append(append(ok, 0, 1), proto{}.bytes(4, []byte("x"))...),
	}
	for name, kept := range cases {
		if got, err := record.Decode(kept, uuid.Nil); !errors.Is(err, task.ErrRecord) || got != nil {
			t.Errorf("%s: decoded %+v, %v, want ErrRecord", name, got, err)
		}
	}
}

// A record that was cut, or in which bits have flipped, is read or refused.
func TestRecordDamaged(t *testing.T) {
	t.Parallel()
	r := tasktest.NewRandom(t)
	whole := encode(t, tasktest.Random(r))
	try := func(damaged []byte) {
		got, err := record.Decode(damaged, uuid.Nil)
		if (got == nil) == (err == nil) || err != nil && !errors.Is(err, task.ErrRecord) {
			t.Fatalf("%x: decoded %+v, %v, want a task or ErrRecord", damaged, got, err)
		}
	}
	for n := range whole {
		try(whole[:n])
	}
	for range 20_000 {
		damaged := slices.Clone(whole)
		for range 1 + r.IntN(3) {
			damaged[r.IntN(len(damaged))] ^= 1 << r.IntN(8)
		}
		try(damaged)
	}
}

func TestDecodeTakesTheIDFromWhereTheRecordIsKept(t *testing.T) {
	t.Parallel()
	whole := task.New("work", []byte("payload"))
	bare := whole.Clone()
	bare.ID = uuid.Nil
	kept := string(record.Encode(bare))
	got, err := record.Decode(kept, whole.ID)
	if err != nil || got.ID != whole.ID || string(got.Payload) != "payload" {
		t.Errorf("decoded %+v, %v", got, err)
	}
	if _, err := record.Decode(kept, uuid.Nil); !errors.Is(err, task.ErrRecord) {
		t.Errorf("a record without an id anywhere: %v, want ErrRecord", err)
	}
	kept = string(record.Encode(whole))
	if _, err := record.Decode(kept, uuid.New()); !errors.Is(err, task.ErrRecord) {
		t.Errorf("a record under another id: %v, want ErrRecord", err)
	}
	if got, err := record.Decode(kept, whole.ID); err != nil || got.ID != whole.ID {
		t.Errorf("a record under its id: %+v, %v", got, err)
	}
}
