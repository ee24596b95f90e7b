package record

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"time"
)

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
