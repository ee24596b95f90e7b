package task_test

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

	"github.com/nex-gen-tech/jobsy/task"
)

func encode(tb testing.TB, t *task.Task) []byte {
	tb.Helper()
	record, err := t.MarshalBinary()
	if err != nil {
		tb.Fatalf("MarshalBinary: %v", err)
	}
	return record
}

func decode(tb testing.TB, record []byte) *task.Task {
	tb.Helper()
	t := new(task.Task)
	if err := t.UnmarshalBinary(record); err != nil {
		tb.Fatalf("UnmarshalBinary(%x): %v", record, err)
	}
	return t
}

func TestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	r := newRandom(t)
	for range 2000 {
		want := randomTask(r)
		record := encode(t, want)
		got := decode(t, record)
		if diff := differ(want, got); diff != "" {
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
	full := reflect.ValueOf(randomTask(newRandom(t))).Elem()
	for _, field := range reflect.VisibleFields(full.Type()) {
		if !field.IsExported() {
			continue
		}
		want := minimal()
		fillDefaults(want)
		value := full.FieldByIndex(field.Index)
		if value.IsZero() {
			t.Fatalf("randomTask leaves %s out", field.Name)
		}
		reflect.ValueOf(want).Elem().FieldByIndex(field.Index).Set(value)
		for _, m := range want.Members {
			m.Queue = want.Queue
		}
		if diff := differ(want, decode(t, encode(t, want))); diff != "" {
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
	if diff := differ(want, decode(t, record)); diff != "" {
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
	if diff := differ(want, decode(t, record)); diff != "" {
		t.Error(diff)
	}
	record = record.bytes(6, []byte("default")).varint(7, 128).varint(9, 50).varint(10, 3_600_000_000_000)
	if diff := differ(want, decode(t, record)); diff != "" {
		t.Error(diff)
	}
}

func TestRecordUnknownFieldsSurvive(t *testing.T) {
	t.Parallel()
	before := proto{}.varint(15, 300)
	unknown := before.bytes(28, []byte("of a newer version")).fixed64(99, 7).fixed32(1<<29-1, 9).
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
		if diff := differ(changed, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if !bytes.Equal(encode(t, got), again) {
			t.Errorf("%s: unknown fields change with each round trip", name)
		}
	}
	if err := changed.Prepare(); err != nil || !bytes.HasSuffix(encode(t, changed), unknown) {
		t.Errorf("Prepare drops unknown fields, or fails: %v", err)
	}
}

// The record must not alias what it was read from.
func TestRecordIsNotKept(t *testing.T) {
	t.Parallel()
	want := randomTask(newRandom(t))
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
	got, err := minimal().AppendBinary([]byte("before"))
	if want := append([]byte("before"), encode(t, minimal())...); err != nil || !bytes.Equal(got, want) {
		t.Errorf("AppendBinary returned %x, %v, want %x", got, err, want)
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
		record := proto{}.varint(1, version).bytes(2, rawID()).bytes(3, []byte("n"))
		err := new(task.Task).UnmarshalBinary(record)
		if !errors.Is(err, task.ErrRecord) || !strings.Contains(err.Error(), "newer than 1") {
			t.Errorf("version %d: %v", version, err)
		}
	}
}

func rawID() []byte { id := minimal().ID; return id[:] }

func TestRecordMalformed(t *testing.T) {
	t.Parallel()
	r := newRandom(t)
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
		"token over 53 bits":           ok.varint(23, 1<<53+1),
		"header with a cut key":        ok.bytes(5, []byte{1<<3 | 2, 9, 'a'}),
		"header with field number 0":   ok.bytes(5, []byte{0, 0}),
		"header with a cut unknown":    ok.bytes(5, []byte{3<<3 | 1, 0}),
		"a good field after a bad one": append(append(ok, 0, 1), proto{}.bytes(4, []byte("x"))...),
	}
	for name, record := range cases {
		before := randomTask(r)
		got := before.Clone()
		err := got.UnmarshalBinary(record)
		if !errors.Is(err, task.ErrRecord) {
			t.Errorf("%s: error is %v, want ErrRecord", name, err)
		}
		if diff := differ(before, got); diff != "" {
			t.Errorf("%s: the task has changed: %s", name, diff)
		}
	}
}

// A record that was cut, or in which bits have flipped, is read or refused,
// and a refused one leaves the task alone.
func TestRecordDamaged(t *testing.T) {
	t.Parallel()
	r := newRandom(t)
	record := encode(t, randomTask(r))
	try := func(damaged []byte) {
		got := minimal()
		if err := got.UnmarshalBinary(damaged); err == nil {
			return
		} else if !errors.Is(err, task.ErrRecord) {
			t.Fatalf("%x: error is %v, want ErrRecord", damaged, err)
		}
		if diff := differ(minimal(), got); diff != "" {
			t.Fatalf("%x: the task has changed: %s", damaged, diff)
		}
	}
	for n := range record {
		try(record[:n])
	}
	for range 20_000 {
		damaged := slices.Clone(record)
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
	record, _ := bare.MarshalBinary()
	got, err := task.Decode(string(record), whole.ID)
	if err != nil || got.ID != whole.ID || string(got.Payload) != "payload" {
		t.Errorf("decoded %+v, %v", got, err)
	}
	if _, err := task.Decode(string(record), uuid.Nil); !errors.Is(err, task.ErrRecord) {
		t.Errorf("a record without an id anywhere: %v, want ErrRecord", err)
	}
	record, _ = whole.MarshalBinary()
	if _, err := task.Decode(string(record), uuid.New()); !errors.Is(err, task.ErrRecord) {
		t.Errorf("a record under another id: %v, want ErrRecord", err)
	}
	if got, err := task.Decode(string(record), whole.ID); err != nil || got.ID != whole.ID {
		t.Errorf("a record under its id: %+v, %v", got, err)
	}
}
