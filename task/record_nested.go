package task

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
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

func appendNested(b []byte, field uint64, nested []byte) []byte {
	b = binary.AppendUvarint(appendTag(b, field, wireBytes), uint64(len(nested)))
	return append(b, nested...)
}

func appendFloat(b []byte, field uint64, v float64) []byte {
	if v == 0 {
		return b
	}
	return binary.LittleEndian.AppendUint64(appendTag(b, field, wireFixed64), math.Float64bits(v))
}

func (t *Task) appendUnique(b []byte) []byte {
	if u := t.Unique; u.Mode != NotUnique {
		n := appendVarint(nil, fieldUniqueMode, uint64(u.Mode))
		n = appendBytes(n, fieldUniqueKey, u.Key)
		n = appendSigned(n, fieldUniqueFor, int64(u.For))
		b = appendNested(b, fieldUnique, appendSigned(n, fieldUniqueLimit, int64(u.Limit)))
	}
	if g := t.Gather; g.Key != "" {
		n := appendBytes(nil, fieldGatherKey, g.Key)
		n = appendVarint(n, fieldGatherSize, uint64(g.Size))
		n = appendSigned(n, fieldGatherDelay, int64(g.Delay))
		b = appendNested(b, fieldGather, appendSigned(n, fieldGatherQuiet, int64(g.Quiet)))
	}
	return b
}

// appendReports appends what handlers and their attempts leave.
func (t *Task) appendReports(b []byte) []byte {
	if p := t.Progress; !p.At.IsZero() {
		b = appendNested(b, fieldProgress, p.append(nil))
	}
	for i := range t.History {
		b = appendNested(b, fieldRun, t.History[i].append(nil))
	}
	return b
}

func (p *Progress) append(b []byte) []byte {
	b = appendFloat(b, fieldProgressFraction, p.Fraction)
	b = appendBytes(b, fieldProgressText, p.Text)
	return appendTime(b, fieldProgressAt, p.At)
}

func (r *Run) append(b []byte) []byte {
	b = appendVarint(b, fieldRunAttempt, uint64(r.Attempt))
	b = appendTime(b, fieldRunStart, r.StartedAt)
	b = appendTime(b, fieldRunEnd, r.EndedAt)
	b = appendBytes(b, fieldRunWorker, r.Worker)
	b = appendBytes(b, fieldRunError, r.Error)
	return appendBytes(b, fieldRunStack, r.Stack)
}

// AppendMember appends the field with which the record of a gathered task is
// made longer by the member t: a record followed by such fields is a record.
func (t *Task) AppendMember(b []byte) []byte {
	m := t.member()
	m.Queue, m.Priority, m.MaxRetry, m.Timeout = DefaultQueue, MediumPriority, DefaultMaxRetry, DefaultTimeout
	nested, _ := m.MarshalBinary() // its error is always nil
	return appendNested(b, fieldMember, nested)
}

// member returns what is kept of a task that is gathered into another.
func (t *Task) member() *Task {
	return &Task{
		ID: t.ID, Name: t.Name, Payload: t.Payload, Headers: t.Headers, EnqueuedAt: t.EnqueuedAt,
		rare: t.rare,
	}
}

// MarshalBinary returns the record of a progress.
func (p Progress) MarshalBinary() ([]byte, error) { return p.append(nil), nil }

// UnmarshalBinary sets the progress to what its record says.
func (p *Progress) UnmarshalBinary(record []byte) error {
	outer, read := reader{}, Progress{}
	outer.each(record, read.readField)
	if outer.err != nil {
		return fmt.Errorf("%w: %w", ErrRecord, outer.err)
	}
	*p = read.tidy()
	return nil
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

func (u *Unique) read(r *reader) {
	r.each(r.bytes(), func(tag uint64, r *reader) {
		switch tag {
		case fieldUniqueMode<<3 | wireVarint:
			u.Mode = UniqueMode(r.bounded(uint64(Latest)))
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
	if u.Mode == NotUnique {
		*u = Unique{}
	}
}

func (g *Gather) read(r *reader) {
	r.each(r.bytes(), func(tag uint64, r *reader) {
		switch tag {
		case fieldGatherKey<<3 | wireBytes:
			g.Key = string(r.bytes())
		case fieldGatherSize<<3 | wireVarint:
			g.Size = int(r.bounded(maxGatherSize))
		case fieldGatherDelay<<3 | wireVarint:
			g.Delay = time.Duration(r.signed())
		case fieldGatherQuiet<<3 | wireVarint:
			g.Quiet = time.Duration(r.signed())
		default:
			r.skip(tag & 7)
		}
	})
	if g.Key == "" {
		*g = Gather{}
	}
}

func (p *Progress) read(r *reader) {
	r.each(r.bytes(), p.readField)
	*p = p.tidy()
}

// tidy makes of what was read what can be written: nothing that was never
// reported, and a fraction that is one.
func (p Progress) tidy() Progress {
	if p.At.IsZero() {
		return Progress{}
	}
	if !(p.Fraction > 0) { // NaN, too
		p.Fraction = 0
	}
	p.Fraction = min(p.Fraction, 1)
	return p
}

func (p *Progress) readField(tag uint64, r *reader) {
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

func (t *Task) readRun(r *reader) {
	var run Run
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
	t.History = append(t.History, run)
}

// readMember reads a member, which has no members of its own.
func (t *Task) readMember(r *reader) {
	if r.nested {
		r.fail("a member with members")
		return
	}
	m, inner := new(Task), reader{rest: r.bytes(), nested: true}
	for len(inner.rest) > 0 && inner.err == nil {
		m.readField(&inner)
	}
	switch {
	case inner.err != nil:
		r.fail("member: %w", inner.err)
	case m.ID == uuid.Nil || m.Name == "":
		r.fail("member: id and name must be there")
	default:
		m = m.member()
		m.fillDefaults()
		t.Members = append(t.Members, m)
	}
}
