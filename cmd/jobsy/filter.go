package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/task"
)

// filter says which tasks are meant of those with a status.
type filter struct{ name, error, text string }

func (f *filter) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.name, "name", "", "only tasks of this `NAME`")
	c.Flags().StringVar(&f.error, "error", "", "only tasks whose last error has this `TEXT` in it")
	c.Flags().StringVar(&f.text, "text", "", "only tasks whose payload has this `TEXT` in it")
}

// first returns a flag that was given, or "".
func (f *filter) first() string {
	switch {
	case f.name != "":
		return "--name"
	case f.error != "":
		return "--error"
	case f.text != "":
		return "--text"
	}
	return ""
}

func (f *filter) query(queue string, status task.Status) admin.Query {
	return admin.Query{Queue: queue, Status: status, Name: f.name, Error: f.error, Text: f.text}
}

// what tells people what is asked for.
func (f *filter) what() string {
	var all []string
	if f.name != "" {
		all = append(all, "the name "+shown(f.name))
	}
	if f.error != "" {
		all = append(all, "an error with "+brief(f.error, 60))
	}
	if f.text != "" {
		all = append(all, "a payload with "+brief(f.text, 60))
	}
	if len(all) == 0 {
		return ""
	}
	return " with " + strings.Join(all, " and ")
}
