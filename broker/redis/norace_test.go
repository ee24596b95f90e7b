//go:build !race

package redis_test

const randomSteps = 10_000
