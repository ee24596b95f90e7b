package broker

import (
	"maps"
	"slices"

	"github.com/nex-gen-tech/jobsy/task"
)

// CloneInto is t.Clone into memory that the caller has: that of c and of its
// Payload, which nobody else may use. What was in them is lost.
func CloneInto(c, t *task.Task) {
	payload := c.Payload
	*c = *t
	if len(t.Payload) <= cap(payload) && len(t.Payload) > 0 {
		c.Payload = append(payload[:0], t.Payload...)
	} else {
		c.Payload = slices.Clone(t.Payload)
	}
	c.Headers = maps.Clone(t.Headers)
	c.Result = slices.Clone(t.Result)
	c.History = slices.Clone(t.History)
	c.Members = slices.Clone(t.Members)
	for i, m := range c.Members {
		c.Members[i] = m.Clone()
	}
}
