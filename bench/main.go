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
	err := start(ctx)
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

// start is the program, or the child process that the program has started.
func start(ctx context.Context) error {
	if role, ok := os.LookupEnv(roleVariable); ok {
		return playRole(ctx, role)
	}
	return run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// run is the program without the process around it.
func run(ctx context.Context, args []string, stdout, progress io.Writer) error {
	opts, err := parseOptions(args, progress)
	if err != nil {
		return err
	}
	results := newResults()
	for _, mode := range opts.modes() {
		if err := runMode(ctx, opts, mode, results, progress); err != nil {
			return err
		}
	}
	if opts.json {
		return results.writeJSON(stdout, opts.modes())
	}
	for _, mode := range opts.modes() {
		results.writeTable(stdout, mode)
		writeTargets(stdout, results, mode)
	}
	return nil
}

// runMode measures the rows on one server.
func runMode(ctx context.Context, opts options, mode mode, results *results, progress io.Writer) error {
	server, err := startRedis(ctx, mode.redisArgs...)
	if err != nil {
		return err
	}
	defer server.stop()
	b := &bench{opts: opts, mode: mode.name, redis: server, results: results, progress: progress}
	for _, row := range opts.rows {
		if err := b.measure(ctx, row); err != nil {
			return fmt.Errorf("row %s (%s): %w", row.letter, row.title, err)
		}
	}
	return nil
}
