package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// consent is whether a change of many tasks was agreed to.
type consent struct{ yes bool }

func (c *consent) flag(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&c.yes, "yes", "y", false, "do not ask")
}

// ask returns nil if the change may be made.
func (c *consent) ask(ctx context.Context, a *app, question string) error {
	if c.yes {
		return nil
	}
	if !a.interactive {
		return usagef("--yes must be given where nobody can be asked: %s?", question)
	}
	fmt.Fprintf(a.err, "%s? [y/N] ", question)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.in).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(a.err)
		return ctx.Err()
	case line := <-answer:
		if line != "y" && line != "yes" {
			return fmt.Errorf("nothing was changed: the answer was not yes")
		}
	}
	return nil
}
