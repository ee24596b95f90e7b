package task

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
)

// The record is what brokers and storages keep: the wire format of Protocol
// Buffers, so that other languages can write it from the schema in
// docs/wire.md. It is written by hand here, for it is on the hot path.
//
// Fields at their default are left out. Fields that this version does not
// know are kept and written again. A change that older readers must not
// ignore raises recordVersion.
const recordVersion = 1

// Field numbers. They never change and are never used again.
const (
	fieldVersion    = 1
	fieldID         = 2
	fieldName       = 3
	fieldPayload    = 4
	fieldHeader     = 5
	fieldQueue      = 6
	fieldPriority   = 7
	fieldRunAt      = 8
	fieldMaxRetry   = 9
	fieldTimeout    = 10
	fieldDeadline   = 11
	fieldRetention  = 12
	fieldEnqueuedAt = 13
	fieldUnique     = 14
	fieldGather     = 15
	fieldStatus     = 16
	fieldAttempt    = 17
	fieldLastError  = 18
	fieldResult     = 19
	fieldStartedAt  = 20
	fieldEndedAt    = 21
	fieldDeliveries = 22
	fieldToken      = 23
	fieldWorker     = 24
	fieldProgress   = 25
	fieldRun        = 26
	fieldMember     = 27

	fieldHeaderKey   = 1
	fieldHeaderValue = 2
)

// Wire types of Protocol Buffers.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// MarshalBinary returns the task's record, as docs/wire.md describes it.
func (t *Task) MarshalBinary() ([]byte, error) {
	return t.AppendBinary(make([]byte, 0, 96+len(t.Name)+len(t.Payload)))
}

// AppendBinary appends the task's record to b. The error is always nil.
func (t *Task) AppendBinary(b []byte) ([]byte, error) {
	b = appendVarint(b, fieldVersion, recordVersion)
	if t.ID != uuid.Nil {
		b = appendBytes(b, fieldID, t.ID[:])
	}
	b = appendBytes(b, fieldName, t.Name)
	b = appendBytes(b, fieldPayload, t.Payload)
	b = appendHeaders(b, t.Headers)
	if t.Queue != DefaultQueue {
		b = appendBytes(b, fieldQueue, t.Queue)
	}
	if t.Priority != MediumPriority {
		b = appendVarint(b, fieldPriority, uint64(t.Priority))
	}
	b = appendTime(b, fieldRunAt, t.RunAt)
	if t.MaxRetry != DefaultMaxRetry {
		b = appendSigned(b, fieldMaxRetry, int64(t.MaxRetry))
	}
	if t.Timeout != DefaultTimeout {
		b = appendSigned(b, fieldTimeout, int64(t.Timeout))
	}
	b = appendTime(b, fieldDeadline, t.Deadline)
	b = appendSigned(b, fieldRetention, int64(t.Retention))
	b = appendTime(b, fieldEnqueuedAt, t.EnqueuedAt)
	b = t.appendUnique(b)
	b = t.appendState(b)
	return append(b, t.unknown()...), nil
}

// appendState appends what the broker records.
func (t *Task) appendState(b []byte) []byte {
	b = appendBytes(b, fieldStatus, string(t.Status))
	b = appendVarint(b, fieldAttempt, uint64(t.Attempt))
	b = appendBytes(b, fieldLastError, t.LastError)
	b = appendBytes(b, fieldResult, t.Result)
	b = appendTime(b, fieldStartedAt, t.StartedAt)
	b = appendTime(b, fieldEndedAt, t.EndedAt)
	b = appendVarint(b, fieldDeliveries, uint64(t.Deliveries))
	b = appendVarint(b, fieldToken, uint64(t.Token))
	b = appendBytes(b, fieldWorker, t.Worker)
	b = t.appendReports(b)
	for _, m := range t.Members {
		b = m.AppendMember(b)
	}
	return b
}

func appendTag(b []byte, field, wire uint64) []byte {
	return binary.AppendUvarint(b, field<<3|wire)
}

func appendVarint(b []byte, field, v uint64) []byte {
	if v == 0 {
		return b
	}
	return binary.AppendUvarint(appendTag(b, field, wireVarint), v)
}

func appendSigned(b []byte, field uint64, v int64) []byte {
	return appendVarint(b, field, uint64(v)<<1^uint64(v>>63))
}

func appendTime(b []byte, field uint64, at time.Time) []byte {
	if at.IsZero() {
		return b
	}
	return binary.LittleEndian.AppendUint64(appendTag(b, field, wireFixed64), uint64(at.UnixNano()))
}

func appendBytes[S string | []byte](b []byte, field uint64, v S) []byte {
	if len(v) == 0 {
		return b
	}
	b = binary.AppendUvarint(appendTag(b, field, wireBytes), uint64(len(v)))
	return append(b, v...)
}

// appendHeaders sorts the keys: equal tasks have equal records. An entry is
// written even if it is empty, for it stands for an empty key.
func appendHeaders(b []byte, headers map[string]string) []byte {
	if len(headers) == 0 {
		return b
	}
	var entry []byte
	for _, key := range slices.Sorted(maps.Keys(headers)) {
		entry = appendBytes(entry[:0], fieldHeaderKey, key)
		entry = appendBytes(entry, fieldHeaderValue, headers[key])
		b = binary.AppendUvarint(appendTag(b, fieldHeader, wireBytes), uint64(len(entry)))
		b = append(b, entry...)
	}
	return b
}

// UnmarshalBinary sets the task to what a record says. Fields that are left
// out get their default. The error is ErrRecord, and the task is then
// unchanged. The record is not kept.
func (t *Task) UnmarshalBinary(record []byte) error {
	d, err := decode(append([]byte(nil), record...), uuid.Nil)
	if err != nil {
		return err
	}
	*t = *d
	return nil
}

// Decode returns the task of a record that is kept under an id. Such a record
// may leave the id out, but must not have another. The error is ErrRecord.
func Decode(record string, id uuid.UUID) (*Task, error) { return decode([]byte(record), id) }

// decode keeps the record.
func decode(record []byte, id uuid.UUID) (*Task, error) {
	t := new(Task)
	r := reader{rest: record}
	for len(r.rest) > 0 && r.err == nil {
		t.readField(&r)
	}
	if t.ID == uuid.Nil {
		t.ID = id
	}
	switch {
	case r.err != nil:
		return nil, fmt.Errorf("%w: %w", ErrRecord, r.err)
	case t.ID == uuid.Nil || t.Name == "":
		return nil, fmt.Errorf("%w: id and name must be there", ErrRecord)
	case id != uuid.Nil && t.ID != id:
		return nil, fmt.Errorf("%w: it is that of task %s", ErrRecord, t.ID)
	}
	t.fillDefaults()
	for _, m := range t.Members {
		m.Queue = t.Queue
	}
	return t, nil
}

func (t *Task) readField(r *reader) {
	start := r.rest
	field, wire := r.tag()
	switch field<<3 | wire {
	case fieldVersion<<3 | wireVarint:
		if v := r.varint(); v > recordVersion {
			r.fail("version %d is newer than %d", v, recordVersion)
		}
	case fieldID<<3 | wireBytes:
		t.ID = r.id()
	case fieldName<<3 | wireBytes:
		t.Name = string(r.bytes())
	case fieldPayload<<3 | wireBytes:
		t.Payload = r.bytes()
	case fieldHeader<<3 | wireBytes:
		t.readHeader(r.bytes(), r)
	case fieldQueue<<3 | wireBytes:
		t.Queue = string(r.bytes())
	case fieldPriority<<3 | wireVarint:
		t.Priority = Priority(r.bounded(uint64(MaxPriority)))
	case fieldRunAt<<3 | wireFixed64:
		t.RunAt = r.time()
	case fieldMaxRetry<<3 | wireVarint:
		t.MaxRetry = int(r.signed())
	case fieldTimeout<<3 | wireVarint:
		t.Timeout = time.Duration(r.signed())
	case fieldDeadline<<3 | wireFixed64:
		t.Deadline = r.time()
	case fieldRetention<<3 | wireVarint:
		t.Retention = time.Duration(r.signed())
	case fieldEnqueuedAt<<3 | wireFixed64:
		t.EnqueuedAt = r.time()
	case fieldUnique<<3 | wireBytes:
		t.Unique.read(r)
	case fieldGather<<3 | wireBytes:
		t.Gather.read(r)
	default:
		t.readState(field<<3|wire, start, r)
	}
}

// readState reads what the broker records, and keeps what is unknown.
func (t *Task) readState(tag uint64, start []byte, r *reader) {
	switch tag {
	case fieldStatus<<3 | wireBytes:
		t.Status = Status(r.bytes())
	case fieldAttempt<<3 | wireVarint:
		t.Attempt = int(r.bounded(math.MaxInt32))
	case fieldLastError<<3 | wireBytes:
		t.LastError = string(r.bytes())
	case fieldResult<<3 | wireBytes:
		t.Result = r.bytes()
	case fieldStartedAt<<3 | wireFixed64:
		t.StartedAt = r.time()
	case fieldEndedAt<<3 | wireFixed64:
		t.EndedAt = r.time()
	case fieldDeliveries<<3 | wireVarint:
		t.Deliveries = int(r.bounded(math.MaxInt32))
	case fieldToken<<3 | wireVarint:
		t.Token = int64(r.bounded(1 << 53))
	case fieldWorker<<3 | wireBytes:
		t.Worker = string(r.bytes())
	case fieldProgress<<3 | wireBytes:
		t.Progress.read(r)
	case fieldRun<<3 | wireBytes:
		t.readRun(r)
	case fieldMember<<3 | wireBytes:
		t.readMember(r)
	default:
		r.skip(tag & 7)
		t.rare = &rare{unknown: append(t.unknown(), start[:len(start)-len(r.rest)]...)}
	}
}

func (t *Task) readHeader(entry []byte, outer *reader) {
	var key, value string
	r := reader{rest: entry}
	for len(r.rest) > 0 && r.err == nil {
		switch field, wire := r.tag(); field<<3 | wire {
		case fieldHeaderKey<<3 | wireBytes:
			key = string(r.bytes())
		case fieldHeaderValue<<3 | wireBytes:
			value = string(r.bytes())
		default:
			r.skip(wire)
		}
	}
	if r.err != nil {
		outer.fail("header: %w", r.err)
		return
	}
	if t.Headers == nil {
		t.Headers = make(map[string]string)
	}
	t.Headers[key] = value
}
