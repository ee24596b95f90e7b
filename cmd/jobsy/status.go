package main

import (
	"strings"

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
