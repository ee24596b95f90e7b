// Thumbnails makes a thumbnail of every picture in a folder, one task a
// picture, with a pool of workers:
//
//	go run ./examples/thumbnails
//
// With a Redis, the same program is a fleet. Any number of processes work, and
// another one gives them something to do:
//
//	go run ./examples/thumbnails -broker redis://localhost:6379 -role work
//	go run ./examples/thumbnails -broker redis://localhost:6379 -role enqueue
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "thumbnails:", err)
	}
	os.Exit(exitCode(err))
}

func exitCode(err error) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		return 130 // what shells expect of a program that Ctrl-C ended
	}
	return 1
}

// run is the program without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	opts, err := parseOptions(args, stdout)
	if err != nil {
		return err
	}
	store, err := openStore(ctx, opts.broker)
	if err != nil {
		return err
	}
	defer store.Close()

	switch opts.role {
	case roleEnqueue:
		return enqueueOnly(ctx, store, opts, stdout)
	case roleWork:
		return workOnly(ctx, store, opts, stdout, stderr)
	default:
		return enqueueAndWork(ctx, store, opts, stdout, stderr)
	}
}
