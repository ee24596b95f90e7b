// Command jobsy looks into a Jobsy fleet on Redis and steps in: it counts, lists,
// explains, runs again, cancels and deletes tasks, and examines and repairs what
// is kept. docs/cli.md describes it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(realMain())
}

// realMain lets deferred calls run before the process ends.
func realMain() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second ctrl-c ends the program at once, whatever it waits for.
	context.AfterFunc(ctx, stop)
	return newApp(os.Stdin, os.Stdout, os.Stderr, os.Getenv).run(ctx, os.Args[1:])
}
