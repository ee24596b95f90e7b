package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

const inMemory = "memory"

const (
	roleBoth    = "both"
	roleEnqueue = "enqueue"
	roleWork    = "work"
)

// errUsage is a command line that makes no sense.
var errUsage = errors.New("run with -h for help")

// options are what the command line says.
type options struct {
	dir         string // "": the pictures that come with Go
	out         string // "": a new temporary folder
	size        int
	broker      string
	role        string
	concurrency int
	faults      bool
}

// parseOptions reads the command line. Asked for help, it prints it and returns
// flag.ErrHelp.
func parseOptions(args []string, help io.Writer) (options, error) {
	o := options{size: 64, role: roleBoth, concurrency: runtime.NumCPU()}
	flags := o.flags()
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(help, "Makes a thumbnail of every picture in a folder.")
		flags.SetOutput(help)
		flags.PrintDefaults()
		return o, err
	case err != nil:
		return o, fmt.Errorf("%w; %w", err, errUsage)
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q; %w", flags.Arg(0), errUsage)
	case o.role != roleBoth && o.broker == inMemory:
		return o, fmt.Errorf("-role %s needs a -broker that other processes can reach; %w", o.role, errUsage)
	}
	return o, nil
}

func (o *options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("thumbnails", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // main prints the error, once
	flags.Usage = func() {}
	flags.StringVar(&o.dir, "dir", "", "make thumbnails of the PNG, JPEG and GIF pictures in and below this `folder` (default: those that come with Go)")
	flags.StringVar(&o.out, "out", "", "write them into this `folder` (default: a new temporary one)")
	flags.StringVar(&o.broker, "broker", inMemory, "where the tasks live: memory, or the `URL` of a Redis such as redis://localhost:6379")
	flags.BoolVar(&o.faults, "faults", true, "put a truncated picture among them, and let the first attempt at another one fail, to show what becomes of them")
	flags.Func("size", "the longer side of a thumbnail in `pixels` (default 64)", between(1, 4096, &o.size))
	flags.Func("concurrency", "how `many` pictures this process works on at once (default: one a processor)", between(1, 1024, &o.concurrency))
	flags.Func("role", "`what` this process does: enqueue, work (until SIGINT or SIGTERM), or both (default both)",
		oneOf(&o.role, roleEnqueue, roleWork, roleBoth))
	return flags
}

func between(low, high int, value *int) func(string) error {
	return func(text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || n < low || n > high {
			return fmt.Errorf("must be a number from %d to %d", low, high)
		}
		*value = n
		return nil
	}
}

func oneOf(value *string, allowed ...string) func(string) error {
	return func(text string) error {
		if !slices.Contains(allowed, text) {
			return fmt.Errorf("must be one of %s", strings.Join(allowed, ", "))
		}
		*value = text
		return nil
	}
}
