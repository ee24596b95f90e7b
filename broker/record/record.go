// Package record holds the record of a task, which is what brokers and storages
// keep: the wire format of Protocol Buffers, so that other languages can write it
// from the schema in docs/wire.md. It is written by hand here, for it is on the
// hot path. Every function may be called concurrently.
package record

import (
	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/task"
)

// Fields at their default are left out. Fields that this version does not
// know are kept and written again. A change that older readers must not
// ignore raises version.
const version = 1

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
	fieldSnoozes    = 28
	fieldExcused    = 29

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

// Encode returns the record of a task, as docs/wire.md describes it. Equal tasks
// have equal records.
func Encode(t *task.Task) []byte {
	return Append(make([]byte, 0, 96+len(t.Name)+len(t.Payload)), t)
}

// Append appends the record of a task to b.
func Append(b []byte, t *task.Task) []byte {
	b = appendVarint(b, fieldVersion, version)
	if t.ID != uuid.Nil {
		b = appendBytes(b, fieldID, t.ID[:])
	}
	b = appendBytes(b, fieldName, t.Name)
	b = appendBytes(b, fieldPayload, t.Payload)
	b = appendHeaders(b, t.Headers)
	if t.Queue != task.DefaultQueue {
		b = appendBytes(b, fieldQueue, t.Queue)
	}
	if t.Priority != task.MediumPriority {
		b = appendVarint(b, fieldPriority, uint64(t.Priority))
	}
	b = appendTime(b, fieldRunAt, t.RunAt)
	if t.MaxRetry != task.DefaultMaxRetry {
		b = appendSigned(b, fieldMaxRetry, int64(t.MaxRetry))
	}
	if t.Timeout != task.DefaultTimeout {
		b = appendSigned(b, fieldTimeout, int64(t.Timeout))
	}
	b = appendTime(b, fieldDeadline, t.Deadline)
	b = appendSigned(b, fieldRetention, int64(t.Retention))
	b = appendTime(b, fieldEnqueuedAt, t.EnqueuedAt)
	b = appendUnique(b, &t.Unique)
	b = appendGather(b, &t.Gather)
	b = appendState(b, t)
	return append(b, t.Foreign()...)
}

// appendState appends what the broker records.
func appendState(b []byte, t *task.Task) []byte {
	b = appendBytes(b, fieldStatus, string(t.Status))
	b = appendVarint(b, fieldAttempt, uint64(t.Attempt))
	b = appendBytes(b, fieldLastError, t.LastError)
	b = appendBytes(b, fieldResult, t.Result)
	b = appendTime(b, fieldStartedAt, t.StartedAt)
	b = appendTime(b, fieldEndedAt, t.EndedAt)
	b = appendVarint(b, fieldDeliveries, uint64(t.Deliveries))
	b = appendVarint(b, fieldToken, uint64(t.Token))
	b = appendBytes(b, fieldWorker, t.Worker)
	if !t.Progress.At.IsZero() {
		b = appendNested(b, fieldProgress, appendProgress(nil, &t.Progress))
	}
	for i := range t.History {
		b = appendNested(b, fieldRun, appendRun(nil, &t.History[i]))
	}
	for _, m := range t.Members {
		b = AppendMember(b, m)
	}
	b = appendVarint(b, fieldSnoozes, uint64(t.Snoozes))
	return appendVarint(b, fieldExcused, uint64(t.Excused))
}
