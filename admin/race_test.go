//go:build race

package admin_test

// raceEnabled tells that figures of time mean nothing.
const raceEnabled = true
