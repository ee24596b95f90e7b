package main

import (
	"context"
	"time"
)

// jobName is the name, or type, of every job.
const jobName = "bench:job"

// side is one of those that are measured.
type side struct {
	name  string
	batch int // most jobs that one call may take
	// open connects to the server with the address.
	open func(addr string) (library, error)
}

// library is a task queue that is connected to its server.
type library interface {
	// enqueue hands the jobs over, in as few calls as the library can.
	enqueue(ctx context.Context, jobs []job) error
	// serve runs handle for every job until stop is called, which waits until
	// what is running has been acknowledged.
	serve(o serving, handle func(payload []byte) error) (stop func() error, err error)
	// left counts the jobs that have not ended.
	left(ctx context.Context) (int, error)
	close() error
}

// job is a task before a library has it.
type job struct {
	queue   string // "": the library's default
	payload []byte
	at      time.Time // zero: at once
	unique  bool      // excludes others with its payload until it has ended
}

// serving says how to run jobs. A zero field is the library's default.
type serving struct {
	concurrency int
	queues      []string
	retryDelay  time.Duration
}

var (
	jobsyRedis  = side{"jobsy", 1000, openJobsyRedis}
	jobsyMemory = side{"memory", 1000, openJobsyMemory}
	asynqRedis  = side{"asynq", 1, openAsynq}
	// bareRedis has no library: it is what the server does by itself.
	bareRedis = side{name: "redis"}
)

var allSides = []side{jobsyRedis, asynqRedis, jobsyMemory, bareRedis}

func sideNamed(name string) (side, bool) {
	for _, s := range allSides {
		if s.name == name {
			return s, true
		}
	}
	return side{}, false
}
