package record

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/task"
)

// Decode returns the task of a record that is kept under an id; uuid.Nil if it is
// kept under none. A record may leave out the id that it is kept under, but must
// not have another. Fields that are left out get their default. The error is
// task.ErrRecord. The record is not kept.
func Decode[R ~string | ~[]byte](record R, id uuid.UUID) (*task.Task, error) {
	return decode(append([]byte(nil), record...), id)
}

// decode keeps the record.
func decode(record []byte, id uuid.UUID) (*task.Task, error) {
	t := new(task.Task)
	r := reader{rest: record}
	for len(r.rest) > 0 && r.err == nil {
		readField(t, &r)
	}
	if t.ID == uuid.Nil {
		t.ID = id
	}
	switch {
	case r.err != nil:
		return nil, fmt.Errorf("%w: %w", task.ErrRecord, r.err)
	case t.ID == uuid.Nil || t.Name == "":
		return nil, fmt.Errorf("%w: id and name must be there", task.ErrRecord)
	case id != uuid.Nil && t.ID != id:
		return nil, fmt.Errorf("%w: it is that of task %s", task.ErrRecord, t.ID)
	}
	fillDefaults(t)
	for _, m := range t.Members {
		m.Queue = t.Queue
	}
	return t, nil
}

// fillDefaults writes into zero fields what the schema says that they mean.
func fillDefaults(t *task.Task) {
	t.Queue = cmp.Or(t.Queue, task.DefaultQueue)
	t.Priority = cmp.Or(t.Priority, task.MediumPriority)
	t.MaxRetry = cmp.Or(t.MaxRetry, task.DefaultMaxRetry)
	t.Timeout = cmp.Or(t.Timeout, task.DefaultTimeout)
	fillGather(&t.Gather)
}

func readField(t *task.Task, r *reader) {
	start := r.rest
	field, wire := r.tag()
	switch field<<3 | wire {
	case fieldVersion<<3 | wireVarint:
		if v := r.varint(); v > version {
			r.fail("version %d is newer than %d", v, version)
		}
	case fieldID<<3 | wireBytes:
		t.ID = r.id()
	case fieldName<<3 | wireBytes:
		t.Name = string(r.bytes())
	case fieldPayload<<3 | wireBytes:
		t.Payload = r.bytes()
	case fieldHeader<<3 | wireBytes:
		readHeader(t, r.bytes(), r)
	case fieldQueue<<3 | wireBytes:
		t.Queue = string(r.bytes())
	case fieldPriority<<3 | wireVarint:
		t.Priority = task.Priority(r.bounded(uint64(task.MaxPriority)))
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
		readUnique(&t.Unique, r)
	case fieldGather<<3 | wireBytes:
		readGather(&t.Gather, r)
	default:
		readState(t, field<<3|wire, start, r)
	}
}

// readState reads what the broker records, and keeps what is unknown.
func readState(t *task.Task, tag uint64, start []byte, r *reader) {
	switch tag {
	case fieldStatus<<3 | wireBytes:
		t.Status = task.Status(r.bytes())
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
		t.Deliveries = int32(r.bounded(math.MaxInt32))
	case fieldToken<<3 | wireVarint:
		t.Token = int64(r.bounded(1 << 53))
	case fieldWorker<<3 | wireBytes:
		t.Worker = string(r.bytes())
	case fieldProgress<<3 | wireBytes:
		t.Progress = readProgress(r.bytes(), r)
	case fieldRun<<3 | wireBytes:
		t.History = append(t.History, readRun(r))
	case fieldMember<<3 | wireBytes:
		readMember(t, r)
	case fieldSnoozes<<3 | wireVarint:
		t.Snoozes = int32(r.bounded(math.MaxInt32))
	case fieldExcused<<3 | wireVarint:
		t.Excused = int32(r.bounded(math.MaxInt32))
	default:
		r.skip(tag & 7)
		t.SetForeign(append(t.Foreign(), start[:len(start)-len(r.rest)]...))
	}
}

func readHeader(t *task.Task, entry []byte, outer *reader) {
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
