package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy/task"
)

// parseStatus returns the status of that name.
func parseStatus(name string) (task.Status, error) {
	var all []string
	for _, status := range task.Statuses() {
		if string(status) == name {
			return status, nil
		}
		all = append(all, string(status))
	}
	return "", usagef("--status must be one of %s, got %q", strings.Join(all, ", "), name)
}

// completeStatuses makes a shell complete the statuses that --status takes.
func completeStatuses(c *cobra.Command, statuses []task.Status) {
	var all []string
	for _, status := range statuses {
		all = append(all, string(status))
	}
	// It fails only for a flag that is none.
	_ = c.RegisterFlagCompletionFunc("status", cobra.FixedCompletions(all, cobra.ShellCompDirectiveNoFileComp))
}
