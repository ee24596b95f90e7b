//go:build !race

package jobsy_test

const raceEnabled = false
