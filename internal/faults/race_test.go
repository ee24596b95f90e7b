//go:build race

package faults

const (
	raceEnabled = true
	slack       = 4 // all takes that much longer
)
