//go:build race

package redis_test

// randomSteps are fewer where each takes ten times as long.
const randomSteps = 1_000
