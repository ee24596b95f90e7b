// Ops runs a small fleet in memory, under a load that succeeds, fails, retries and
// waits, and the dashboard beside it:
//
//	go run ./examples/ops
//
// Then open the address that it prints. It lets everybody act, and so listens on
// the loopback interface alone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "ops:", err)
	}
	os.Exit(exitCode(err))
}

func exitCode(err error) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	}
	return 1
}

// errUsage is a command line that makes no sense.
var errUsage = errors.New("run with -h for help")

// options are what the command line says.
type options struct {
	port  int
	every time.Duration
}

func parseOptions(args []string, help io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("ops", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // main prints the error, once
	flags.Usage = func() {}
	flags.IntVar(&o.port, "port", 8090, "the loopback `port` to listen on; 0: any")
	flags.DurationVar(&o.every, "every", 50*time.Millisecond, "how often a task is enqueued")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(help, "Runs a small fleet in memory, and the dashboard beside it.")
		flags.SetOutput(help)
		flags.PrintDefaults()
		return o, err
	case err != nil:
		return o, fmt.Errorf("%w; %w", err, errUsage)
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q; %w", flags.Arg(0), errUsage)
	case o.port < 0 || o.port > 65535:
		return o, fmt.Errorf("invalid value %d for flag -port: must be 0 to 65535; %w", o.port, errUsage)
	case o.every < time.Millisecond:
		return o, fmt.Errorf("invalid value %s for flag -every: must be at least 1ms; %w", o.every, errUsage)
	}
	return o, nil
}

// run is the program without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	opts, err := parseOptions(args, stdout)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", opts.port))
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "Listening on http://%s/ops/\n", listener.Addr())
	return newFleet(opts, slog.New(slog.NewTextHandler(stderr, nil))).run(ctx, listener)
}
