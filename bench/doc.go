// Bench runs the same work on Jobsy and on its peer asynq, by turns in one run
// against one redis-server that it starts itself, and prints the medians, their
// ratios and what of it was promised:
//
//	go run ./bench                      # every row, 5 turns
//	go run ./bench -rows c,g -turns 3   # some of them
//	go run ./bench -aof                 # once more with an append-only file
//
// Both libraries have their default settings but for the concurrency. Each
// measurement begins with an empty server and a short warm-up, has payloads
// that differ from job to job, and fails unless every job ran exactly once.
//
// Bench needs redis-server in the path. It is a module of its own, so that
// asynq never reaches a user of Jobsy, and is never tagged.
package main
