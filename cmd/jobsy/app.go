package main

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// app is one run of the program: what it talks to, and the flags that all
// commands share.
type app struct {
	in          io.Reader
	out, err    io.Writer
	getenv      func(string) string
	interactive bool // somebody can answer a question
	screen      bool // out is a terminal
	moving      bool // err is a terminal, on which a bar may move

	address string
	prefix  string
	json    bool
}

// stream is a file that may be a terminal.
type stream interface{ Fd() uintptr }

func newApp(in io.Reader, out, err io.Writer, getenv func(string) string) *app {
	return &app{
		in: in, out: out, err: err, getenv: getenv,
		interactive: terminal(in) && terminal(err), screen: terminal(out), moving: terminal(err),
	}
}

// fit cuts a text to the size of the terminal that out is: what scrolls cannot be
// drawn in place.
func (a *app) fit(text string) string {
	s, ok := a.out.(stream)
	if !ok {
		return text
	}
	width, height, err := term.GetSize(int(s.Fd()))
	if err != nil || width < 1 || height < 2 {
		return text
	}
	lines := strings.Split(text, "\n")
	lines = lines[:min(len(lines), height)]
	for i, line := range lines {
		if runes := []rune(line); len(runes) > width {
			lines[i] = string(runes[:width])
		}
	}
	lines[len(lines)-1] = "" // no line end on the last line, or it scrolls
	return strings.Join(lines, "\n")
}

func terminal(file any) bool {
	s, ok := file.(stream)
	return ok && term.IsTerminal(int(s.Fd()))
}

// run runs the command that the arguments name, and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	return a.exit(root.ExecuteContext(ctx))
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "jobsy",
		Short: "Look into a Jobsy fleet on Redis, and step in",
		Long: `Look into a Jobsy fleet on Redis, and step in.

Tables are for people; with --json every command prints one JSON value on one line
(stats --watch: one an interval), whose fields keep their names.

The exit code is 0 if all went well, 1 if something failed, and 2 if the command was
not called as it should be.

Environment:
  JOBSY_BROKER   what --broker is unless given; it may hold a password, which arguments
                 should not: others on the machine can read those
  JOBSY_PREFIX   what --prefix is unless given`,
		Example: `  jobsy stats --watch
  jobsy task ls --queue mail --status failed
  jobsy failed retry --name email:welcome --paced 10/s`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().StringVar(&a.address, "broker", "",
		"`URL` of the broker: redis, rediss, unix, redis+sentinel or redis+cluster (default JOBSY_BROKER, or "+defaultAddress+")")
	root.PersistentFlags().StringVar(&a.prefix, "prefix", "", "what every key starts with (default JOBSY_PREFIX, or jobsy)")
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON, for programs")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(
		a.statsCommand(), a.queueCommand(), a.taskCommand(), a.failedCommand(), a.serverCommand(), a.scheduleCommand(),
		a.doctorCommand(), a.dashboardCommand(), a.benchCommand(), a.versionCommand(),
	)
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			group(c)
		}
	}
	return group(root)
}
