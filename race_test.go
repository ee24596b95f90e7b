//go:build race

package jobsy_test

// raceEnabled tells that figures of time mean nothing.
const raceEnabled = true
