package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// group makes a command that only holds others refuse to be called alone or with
// the name of none, instead of printing its help as if that were what was wanted.
func group(c *cobra.Command) *cobra.Command {
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usagef("%s has no command %q: it must be %s", c.CommandPath(), args[0], names(c))
		}
		return usagef("%s must be followed by %s", c.CommandPath(), names(c))
	}
	return c
}

// names lists the commands of a group.
func names(c *cobra.Command) string {
	var all []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			all = append(all, sub.Name())
		}
	}
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	last := len(all) - 1
	return strings.Join(all[:last], ", ") + " or " + all[last]
}

// exactly takes the arguments of those names, no fewer and no more.
func exactly(wanted ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(wanted):
			return usagef("%s must be given: %s", wanted[len(args)], c.UseLine())
		case len(args) > len(wanted):
			return usagef("argument %q is one too many: %s", args[len(wanted)], c.UseLine())
		}
		return nil
	}
}

// numbered is a count for people: 1,000,000.
func numbered[N int | int64](n N) string {
	digits := fmt.Sprint(n)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits
}
