package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

const inMemory = "memory"

// errUsage is a command line that makes no sense.
var errUsage = errors.New("run with -h for help")

// options are what the command line says.
type options struct {
	addr   string
	broker string
	work   time.Duration
}

// parseOptions reads the command line. Asked for help, it prints it and returns
// flag.ErrHelp.
func parseOptions(args []string, help io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("web", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // main prints the error, once
	flags.Usage = func() {}
	flags.StringVar(&o.addr, "addr", "127.0.0.1:8080", "the `address` to listen on")
	flags.StringVar(&o.broker, "broker", inMemory, "where the tasks live: memory, or the `URL` of a Redis such as redis://localhost:6379")
	flags.DurationVar(&o.work, "work", 2*time.Second, "how long sending a letter takes")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(help, "Enqueues a task for each form it is sent, and shows a page to follow it by.")
		flags.SetOutput(help)
		flags.PrintDefaults()
		return o, err
	case err != nil:
		return o, fmt.Errorf("%w; %w", err, errUsage)
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q; %w", flags.Arg(0), errUsage)
	case o.work < 0:
		return o, fmt.Errorf("invalid value %q for flag -work: must not be negative; %w", o.work, errUsage)
	}
	return o, nil
}
