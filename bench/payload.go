package main

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"
)

const (
	payloadSize   = 100 // bytes, unless a row says otherwise
	payloadHeader = 16
	noiseSize     = 1 << 20
)

// payloads makes payloads of one size. Each starts with the index of its job
// and the time when it was made; random bytes follow, other ones for each job.
type payloads struct {
	size    int
	noise   []byte
	letters string // the noise as hexadecimal digits
}

func newPayloads(size int, seed uint64) payloads {
	random := rand.New(rand.NewPCG(seed, 0))
	noise := make([]byte, noiseSize+size)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	return payloads{size, noise, hex.EncodeToString(noise)}
}

func (p payloads) of(index int) []byte {
	payload := make([]byte, p.size)
	copy(payload[payloadHeader:], p.noise[index*37%noiseSize:])
	binary.BigEndian.PutUint64(payload, uint64(index))
	binary.BigEndian.PutUint64(payload[8:], uint64(time.Now().UnixNano()))
	return payload
}

// indexOf returns -1 for what is no payload.
func indexOf(payload []byte) int {
	if len(payload) < payloadHeader {
		return -1
	}
	return int(binary.BigEndian.Uint64(payload))
}

func madeAt(payload []byte) time.Time {
	return time.Unix(0, int64(binary.BigEndian.Uint64(payload[8:])))
}

// text is a payload's random part as letters, for arguments.
func (p payloads) text(index int) string {
	return p.letters[index*37%noiseSize:][:p.size-payloadHeader]
}
