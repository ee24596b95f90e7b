package main

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// usage is what the server and this process had used by some moment.
type usage struct {
	at    time.Time
	redis redisInfo
	own   time.Duration // of CPU
}

func (t *trial) usage(ctx context.Context) (usage, error) {
	info, err := t.redis.info(ctx)
	return usage{time.Now(), info, ownCPU()}, err
}

// ownCPU returns how much CPU this process has used.
func ownCPU() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// spent is what was used between two moments.
type spent struct {
	seconds float64
	redis   redisInfo
	own     float64 // seconds of CPU
}

func (u usage) until(later usage) spent {
	return spent{later.at.Sub(u.at).Seconds(), later.redis.since(u.redis), (later.own - u.own).Seconds()}
}

// String tells who was busy. A row is limited by Redis at about 100% of its one
// thread, by this process at 100% of every core, and else by round trips.
func (s spent) String() string {
	return fmt.Sprintf("Redis %.0f%% and this process %.0f%% of a core", 100*s.redis.cpu()/s.seconds, 100*s.own/s.seconds)
}

// during returns what was spent while do ran.
func (t *trial) during(ctx context.Context, do func() error) (spent, error) {
	before, err := t.usage(ctx)
	if err != nil {
		return spent{}, err
	}
	if err := do(); err != nil {
		return spent{}, err
	}
	after, err := t.usage(ctx)
	return before.until(after), err
}

// explain tells what a number of jobs was spent on.
func (t *trial) explain(what string, jobs int, s spent) {
	fmt.Fprintf(t.progress, "  %s of %s: %v; Redis %.3g µs a job:%s\n", what, t.side.name, s,
		s.redis.cpu()*1e6/float64(jobs), s.redis.describe(jobs))
}
