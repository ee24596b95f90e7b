package record_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/internal/tasktest"
	"github.com/nex-gen-tech/jobsy/task"
)

// proto writes Protocol Buffers field by field. What these tests write comes
// from the schema in docs/wire.md, not from the encoder that they test.
type proto []byte

func (p proto) tag(field, wire uint64) proto {
	return binary.AppendUvarint(p[:len(p):len(p)], field<<3+wire)
}

func (p proto) varint(field, v uint64) proto {
	return binary.AppendUvarint(p.tag(field, 0), v)
}

func (p proto) fixed64(field, v uint64) proto {
	return binary.LittleEndian.AppendUint64(p.tag(field, 1), v)
}

func (p proto) bytes(field uint64, v []byte) proto {
	return append(binary.AppendUvarint(p.tag(field, 2), uint64(len(v))), v...)
}

func (p proto) fixed32(field uint64, v uint32) proto {
	return binary.LittleEndian.AppendUint32(p.tag(field, 5), v)
}

func zigzag(v int64) uint64 {
	if v < 0 {
		return uint64(-v)*2 - 1
	}
	return uint64(v) * 2
}

// golden is the record of goldenTask: tag, length if there is one, value. It
// never changes, for records of this form are stored, and written by programs
// in other languages.
const golden = `
	08 01                                        version 1
	12 10 0192f0c1aaaa7bbb8cccdddddddddddd       id
	1a 0d 656d61696c3a77656c636f6d65             name "email:welcome"
	22 0d 7b2275736572223a22c3a9227d             payload {"user":"é"}
	2a 0b 0a06 74656e616e74 1201 41              headers "tenant": "A"
	2a 0c 0a05 7472616365 1203 e28692            headers "trace": "→"
	32 08 637269746963616c                       queue "critical"
	38 c001                                      priority 192
	41 15cdb2c77e681618                          run_at 2025-01-01 00:00:00.123456789
	48 01                                        max_retry -1
	50 80a094a58d1d                              timeout 500 s
	59 0000000000000000                          deadline 1970-01-01 00:00:00
	60 8080f89492a527                            retention 1 day
	69 0036bc847e681618                          enqueued_at 2024-12-31 23:59:59
	8201 08 7265747279696e67                     status "retrying"
	8801 ac02                                    attempt 300
	9201 04 626f6f6d                             last_error "boom"
	9a01 02 00ff                                 result
	a101 ffffffffffffff7f                        started_at, the latest there is: 2262-04-11
	a901 0000000000000080                        ended_at, the earliest there is: 1677-09-21
	b001 02                                      deliveries 2
	b801 8080808080808010                        token 2^53
	c201 07 6170702d373a31                       worker "app-7:1"
	e001 03                                      snoozes 3
	e801 ac02                                    excused 300
`

func goldenTask() *task.Task {
	return &task.Task{
		ID: uuid.MustParse("0192f0c1-aaaa-7bbb-8ccc-dddddddddddd"), Name: "email:welcome",
		Payload: []byte(`{"user":"é"}`), Headers: map[string]string{"trace": "→", "tenant": "A"},
		Queue: "critical", Priority: task.HighPriority, MaxRetry: -1,
		RunAt:   time.Date(2025, 1, 1, 0, 0, 0, 123456789, time.UTC),
		Timeout: 500 * time.Second, Deadline: time.Unix(0, 0), Retention: 24 * time.Hour,
		EnqueuedAt: time.Date(2024, 12, 31, 23, 59, 59, 0, time.UTC),
		Status:     task.StatusRetrying, Attempt: 300, LastError: "boom", Result: []byte{0, 255},
		StartedAt: time.Unix(0, math.MaxInt64), EndedAt: time.Unix(0, math.MinInt64),
		Deliveries: 2, Token: 1 << 53, Worker: "app-7:1", Snoozes: 3, Excused: 300,
	}
}

func goldenRecord(t *testing.T) (record []byte) {
	t.Helper()
	for line := range strings.Lines(strings.TrimSpace(golden)) {
		columns, _, _ := strings.Cut(strings.TrimSpace(line), "  ")
		b, err := hex.DecodeString(strings.ReplaceAll(columns, " ", ""))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		record = append(record, b...)
	}
	return record
}

func TestRecordGolden(t *testing.T) {
	t.Parallel()
	want := goldenRecord(t)
	if got := encode(t, goldenTask()); !bytes.Equal(got, want) {
		t.Errorf("the wire format has changed: got\n%x, want\n%x", got, want)
	}
	if diff := tasktest.Differ(goldenTask(), decode(t, want)); diff != "" {
		t.Errorf("the wire format has changed: %s", diff)
	}
}

// The same task as another language may write it from the schema: fields in
// any order, some of them twice, of which the last counts.
func TestRecordFromTheSchema(t *testing.T) {
	t.Parallel()
	want := goldenTask()
	record := proto{}.
		varint(29, 300).varint(28, 3).
		bytes(24, []byte("app-7:1")).varint(23, 1<<53).varint(22, 2).fixed64(21, 1<<63).fixed64(20, 1<<63-1).
		bytes(19, []byte{0, 255}).bytes(18, []byte("boom")).varint(17, 300).bytes(16, []byte("retrying")).
		fixed64(13, 1_735_689_599_000_000_000).varint(12, zigzag(86_400_000_000_000)).fixed64(11, 0).
		varint(10, zigzag(500_000_000_000)).varint(9, zigzag(-1)).fixed64(8, 1_735_689_600_123_456_789).
		varint(7, 1).varint(7, 192).bytes(6, []byte("default")).bytes(6, []byte("critical")).
		bytes(5, proto{}.bytes(2, []byte("→")).bytes(1, []byte("trace"))).
		bytes(5, proto{}.bytes(1, []byte("tenant")).bytes(2, []byte("to be replaced"))).
		bytes(5, proto{}.bytes(1, []byte("tenant")).bytes(2, []byte("A")).varint(3, 1)).
		bytes(4, want.Payload).bytes(3, []byte("email:welcome")).bytes(2, want.ID[:]).varint(1, 1)
	got := decode(t, record)
	if diff := tasktest.Differ(want, got); diff != "" {
		t.Error(diff)
	}
	if again := encode(t, got); !bytes.Equal(again, goldenRecord(t)) {
		t.Errorf("written again it is %x", again)
	}
}

// A header whose key and value are both empty is still a header.
func TestRecordEmptyHeader(t *testing.T) {
	t.Parallel()
	record := proto{}.bytes(2, rawID()).bytes(3, []byte("n")).bytes(5, nil)
	got := decode(t, encode(t, decode(t, record)))
	if value, ok := got.Headers[""]; len(got.Headers) != 1 || !ok || value != "" {
		t.Errorf("headers are %v, want one that is empty", got.Headers)
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(encode(f, goldenTask()))
	f.Add(encode(f, minimal()))
	f.Add(encode(f, goldenNestedTask()))
	f.Add([]byte(proto{}.bytes(2, rawID()).bytes(3, []byte("n")).bytes(5, nil).fixed32(77, 1).varint(9, 0)))
	f.Fuzz(func(t *testing.T, kept []byte) {
		first, err := record.Decode(kept, uuid.Nil)
		if err != nil {
			if !errors.Is(err, task.ErrRecord) || first != nil {
				t.Fatalf("refused with %v, and the task is %+v", err, first)
			}
			return
		}
		written := encode(t, first)
		second := decode(t, written)
		if diff := tasktest.Differ(first, second); diff != "" {
			t.Fatalf("differs when read again: %s", diff)
		}
		if again := encode(t, second); !bytes.Equal(written, again) {
			t.Fatalf("differs when written again:\n%x\n%x", written, again)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	small := task.New("email:welcome", []byte(`{"user":12345,"template":"welcome"}`))
	if err := broker.Prepare(small); err != nil {
		b.Fatal(err)
	}
	for name, t := range map[string]*task.Task{"small": small, "full": goldenTask()} {
		kept := encode(b, t)
		b.Run("encode/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = record.Encode(t)
			}
		})
		b.Run("decode/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := record.Decode(kept, uuid.Nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
