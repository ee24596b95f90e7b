package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

var errUsage = errors.New("wrong usage")

// options are what the command line says.
type options struct {
	rows     []row
	sides    []string // empty: all
	turns    int
	scale    float64
	duration time.Duration
	idle     time.Duration
	huge     bool
	aof      bool
	json     bool
	profile  string // a folder
	seed     uint64
}

// mode is how the server keeps what it is given.
type mode struct {
	name      string
	redisArgs []string
}

var (
	withoutAOF = mode{name: "no persistence"}
	// The file is rewritten between measurements, not during them.
	withAOF = mode{"append-only file, everysec", []string{
		"--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0",
	}}
)

func (o options) modes() []mode {
	if o.aof {
		return []mode{withoutAOF, withAOF}
	}
	return []mode{withoutAOF}
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	var letters, sides string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&letters, "rows", "", "rows to measure, such as a,c,e; default all:\n"+describeRows())
	flags.StringVar(&sides, "sides", "", "sides to measure, such as jobsy,asynq; default all of each row")
	flags.IntVar(&o.turns, "turns", 5, "how often each side is measured")
	flags.Float64Var(&o.scale, "n", 1, "scales how many jobs a measurement has")
	flags.DurationVar(&o.duration, "duration", 20*time.Second, "how long row d produces, at each of its two rates")
	flags.DurationVar(&o.idle, "idle", 30*time.Second, "how long row k watches an idle server")
	flags.BoolVar(&o.huge, "huge", false, "row h also with a backlog of 5 million (4 GB of memory)")
	flags.BoolVar(&o.aof, "aof", false, "measure once more with an append-only file, synced every second")
	flags.BoolVar(&o.json, "json", false, "print every sample as JSON instead of tables")
	flags.StringVar(&o.profile, "profile", "", "folder for a CPU profile of every measurement")
	flags.Uint64Var(&o.seed, "seed", 1, "seed of the payloads and pauses")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, fmt.Errorf("%w: %w", errUsage, err)
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%w: unexpected argument %q", errUsage, flags.Arg(0))
	}
	if sides != "" {
		o.sides = strings.Split(sides, ",")
	}
	return o, o.complete(letters)
}

// complete picks the rows, and refuses what cannot be measured.
func (o *options) complete(letters string) error {
	if o.turns < 1 || o.scale <= 0 || o.duration <= 0 || o.idle <= 0 {
		return fmt.Errorf("%w: -turns, -n, -duration and -idle must be positive", errUsage)
	}
	for _, name := range o.sides {
		if !slices.ContainsFunc(allSides, func(s side) bool { return s.name == name }) {
			return fmt.Errorf("%w: no side is named %q", errUsage, name)
		}
	}
	if letters == "" {
		o.rows = rows()
		return nil
	}
	for letter := range strings.SplitSeq(letters, ",") {
		all := rows()
		i := slices.IndexFunc(all, func(r row) bool { return r.letter == letter })
		if i < 0 {
			return fmt.Errorf("%w: there is no row %q", errUsage, letter)
		}
		o.rows = append(o.rows, all[i])
	}
	return nil
}

// size scales a number of jobs.
func (o options) size(n int) int { return max(int(float64(n)*o.scale), 50) }
