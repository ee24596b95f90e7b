package record

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/task"
)

// Messages within the record. Their field numbers, too, never change.
const (
	fieldUniqueMode  = 1
	fieldUniqueKey   = 2
	fieldUniqueFor   = 3
	fieldUniqueLimit = 4

	fieldGatherKey   = 1
	fieldGatherSize  = 2
	fieldGatherDelay = 3
	fieldGatherQuiet = 4

	fieldProgressFraction = 1
	fieldProgressText     = 2
	fieldProgressAt       = 3

	fieldRunAttempt = 1
	fieldRunStart   = 2
	fieldRunEnd     = 3
	fieldRunWorker  = 4
	fieldRunError   = 5
	fieldRunStack   = 6
)

func appendUnique(b []byte, u *task.Unique) []byte {
	if u.Mode == task.NotUnique {
		return b
	}
	n := appendVarint(nil, fieldUniqueMode, uint64(u.Mode))
	n = appendBytes(n, fieldUniqueKey, u.Key)
	n = appendSigned(n, fieldUniqueFor, int64(u.For))
	return appendNested(b, fieldUnique, appendSigned(n, fieldUniqueLimit, int64(u.Limit)))
}

func appendGather(b []byte, g *task.Gather) []byte {
	if g.Key == "" {
		return b
	}
	n := appendBytes(nil, fieldGatherKey, g.Key)
	n = appendVarint(n, fieldGatherSize, uint64(g.Size))
	n = appendSigned(n, fieldGatherDelay, int64(g.Delay))
	return appendNested(b, fieldGather, appendSigned(n, fieldGatherQuiet, int64(g.Quiet)))
}

func appendProgress(b []byte, p *task.Progress) []byte {
	b = appendFloat(b, fieldProgressFraction, p.Fraction)
	b = appendBytes(b, fieldProgressText, p.Text)
	return appendTime(b, fieldProgressAt, p.At)
}

func appendRun(b []byte, r *task.Run) []byte {
	b = appendVarint(b, fieldRunAttempt, uint64(r.Attempt))
	b = appendTime(b, fieldRunStart, r.StartedAt)
	b = appendTime(b, fieldRunEnd, r.EndedAt)
	b = appendBytes(b, fieldRunWorker, r.Worker)
	b = appendBytes(b, fieldRunError, r.Error)
	return appendBytes(b, fieldRunStack, r.Stack)
}

// AppendMember appends the field with which the record of a gathered task is
// made longer by the member t: a record followed by such fields is a record.
func AppendMember(b []byte, t *task.Task) []byte {
	m := memberOf(t)
	fillDefaults(m)
	return appendNested(b, fieldMember, Encode(m))
}

// memberOf returns what is kept of a task that is gathered into another.
func memberOf(t *task.Task) *task.Task {
	m := &task.Task{ID: t.ID, Name: t.Name, Payload: t.Payload, Headers: t.Headers, EnqueuedAt: t.EnqueuedAt}
	m.SetForeign(t.Foreign())
	return m
}

// EncodeProgress returns the record of a progress.
func EncodeProgress(p task.Progress) []byte { return appendProgress(nil, &p) }

// DecodeProgress returns the progress of a record. The error is task.ErrRecord.
func DecodeProgress[R ~string | ~[]byte](record R) (task.Progress, error) {
	var r reader
	p := readProgress([]byte(record), &r)
	if r.err != nil {
		return task.Progress{}, fmt.Errorf("%w: %w", task.ErrRecord, r.err)
	}
	return p, nil
}

// each reads the fields of a nested message.
func (r *reader) each(nested []byte, read func(tag uint64, r *reader)) {
	inner := reader{rest: nested}
	for len(inner.rest) > 0 && inner.err == nil {
		field, wire := inner.tag()
		read(field<<3|wire, &inner)
	}
	if inner.err != nil {
		r.fail("nested message: %w", inner.err)
	}
}

func readUnique(u *task.Unique, r *reader) {
	r.each(r.bytes(), func(tag uint64, r *reader) {
		switch tag {
		case fieldUniqueMode<<3 | wireVarint:
			u.Mode = task.UniqueMode(r.bounded(uint64(task.Latest)))
		case fieldUniqueKey<<3 | wireBytes:
			u.Key = string(r.bytes())
		case fieldUniqueFor<<3 | wireVarint:
			u.For = time.Duration(r.signed())
		case fieldUniqueLimit<<3 | wireVarint:
			u.Limit = time.Duration(r.signed())
		default:
			r.skip(tag & 7)
		}
	})
	if u.Mode == task.NotUnique {
		*u = task.Unique{}
	}
}

func readGather(g *task.Gather, r *reader) {
	r.each(r.bytes(), func(tag uint64, r *reader) {
		switch tag {
		case fieldGatherKey<<3 | wireBytes:
			g.Key = string(r.bytes())
		case fieldGatherSize<<3 | wireVarint:
			g.Size = int(r.bounded(task.MaxGatherSize))
		case fieldGatherDelay<<3 | wireVarint:
			g.Delay = time.Duration(r.signed())
		case fieldGatherQuiet<<3 | wireVarint:
			g.Quiet = time.Duration(r.signed())
		default:
			r.skip(tag & 7)
		}
	})
	if g.Key == "" {
		*g = task.Gather{}
	}
}

// fillGather writes into zero fields what the schema says that they mean.
func fillGather(g *task.Gather) {
	if g.Key == "" {
		return
	}
	g.Size = cmp.Or(g.Size, task.DefaultGatherSize)
	g.Delay = cmp.Or(g.Delay, task.DefaultGatherDelay)
	if g.Quiet == 0 || g.Quiet > g.Delay {
		g.Quiet = g.Delay
	}
}

// readProgress makes of what it reads what can be written: nothing that was never
// reported, and a fraction that is one.
func readProgress(nested []byte, r *reader) task.Progress {
	var p task.Progress
	r.each(nested, func(tag uint64, r *reader) { readProgressField(&p, tag, r) })
	if p.At.IsZero() {
		return task.Progress{}
	}
	if !(p.Fraction > 0) { // NaN, too
		p.Fraction = 0
	}
	p.Fraction = min(p.Fraction, 1)
	return p
}

func readProgressField(p *task.Progress, tag uint64, r *reader) {
	switch tag {
	case fieldProgressFraction<<3 | wireFixed64:
		if raw := r.take(8); len(raw) == 8 {
			p.Fraction = math.Float64frombits(binary.LittleEndian.Uint64(raw))
		}
	case fieldProgressText<<3 | wireBytes:
		p.Text = string(r.bytes())
	case fieldProgressAt<<3 | wireFixed64:
		p.At = r.time()
	default:
		r.skip(tag & 7)
	}
}

func readRun(r *reader) (run task.Run) {
	r.each(r.bytes(), func(tag uint64, r *reader) {
		switch tag {
		case fieldRunAttempt<<3 | wireVarint:
			run.Attempt = int(r.bounded(math.MaxInt32))
		case fieldRunStart<<3 | wireFixed64:
			run.StartedAt = r.time()
		case fieldRunEnd<<3 | wireFixed64:
			run.EndedAt = r.time()
		case fieldRunWorker<<3 | wireBytes:
			run.Worker = string(r.bytes())
		case fieldRunError<<3 | wireBytes:
			run.Error = string(r.bytes())
		case fieldRunStack<<3 | wireBytes:
			run.Stack = string(r.bytes())
		default:
			r.skip(tag & 7)
		}
	})
	return run
}

// readMember reads a member, which has no members of its own.
func readMember(t *task.Task, r *reader) {
	if r.nested {
		r.fail("a member with members")
		return
	}
	m, inner := new(task.Task), reader{rest: r.bytes(), nested: true}
	for len(inner.rest) > 0 && inner.err == nil {
		readField(m, &inner)
	}
	switch {
	case inner.err != nil:
		r.fail("member: %w", inner.err)
	case m.ID == uuid.Nil || m.Name == "":
		r.fail("member: id and name must be there")
	default:
		m = memberOf(m)
		fillDefaults(m)
		t.Members = append(t.Members, m)
	}
}
