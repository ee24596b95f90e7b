package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

var errTruncated = errors.New("truncated")

// reader takes values off the front of a record. Its first error sticks, and
// every value read after it is zero.
type reader struct {
	rest   []byte
	err    error
	nested bool // within a member
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
	r.rest = nil
}

func (r *reader) tag() (field, wire uint64) {
	tag := r.varint()
	if r.err == nil && tag>>3 == 0 {
		r.fail("field number 0")
	}
	return tag >> 3, tag & 7
}

func (r *reader) varint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail("%w", errTruncated)
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) bounded(limit uint64) uint64 {
	v := r.varint()
	if v > limit {
		r.fail("number %d is over %d", v, limit)
		return 0
	}
	return v
}

func (r *reader) signed() int64 {
	v := r.varint()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail("%w", errTruncated)
		return nil
	}
	v := r.rest[:n:n]
	r.rest = r.rest[n:]
	return v
}

func (r *reader) bytes() []byte { return r.take(r.varint()) }

func (r *reader) time() time.Time {
	v := r.take(8)
	if v == nil {
		return time.Time{}
	}
	return time.Unix(0, int64(binary.LittleEndian.Uint64(v)))
}

func (r *reader) id() uuid.UUID {
	id, err := uuid.FromBytes(r.bytes())
	if err != nil {
		r.fail("id must be 16 bytes")
	}
	return id
}

func (r *reader) skip(wire uint64) {
	switch wire {
	case wireVarint:
		r.varint()
	case wireFixed64:
		r.take(8)
	case wireBytes:
		r.bytes()
	case wireFixed32:
		r.take(4)
	default:
		r.fail("wire type %d", wire)
	}
}
