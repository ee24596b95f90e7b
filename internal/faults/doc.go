// Package faults holds the tests that break things: servers killed and frozen,
// Redis gone, failed over, full, flushed or lying, networks cut and slow,
// handlers that misbehave. Servers are processes of their own where the fault is
// a process's. Each test ends with everything drained, its history checked and
// the keyspace examined.
//
// The short suite is part of go test ./...; go test ./internal/faults -run Random
// -long 1h -timeout 90m goes on for an hour with random faults, and prints the
// seed that -seed repeats.
package faults
