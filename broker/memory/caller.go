package memory

import (
	"slices"

	"github.com/nex-gen-tech/jobsy/broker"
)

// caller is a Lease call.
type caller struct {
	broker.LeaseRequest
	handles map[string]bool // as far as it was asked
	unasked []string        // names of parked tasks, to be asked about before the next look
	waiter  *waiter         // nil until it has blocked
}

// bar is the number of deliveries that bars a task from being leased by the
// call, which has leased so many of the last; 0: none.
func (c *caller) bar(lasts int) int {
	if c.NoLast || lasts > 0 {
		return c.Last
	}
	return 0
}

func (c *caller) mayHandle(name string) bool { return c.Handles == nil || c.handles[name] }

// wants reports whether there is a parked task that the caller handles, or one
// whose name it is to be asked about.
func (c *caller) wants(q *queue) bool {
	for name := range q.parked {
		handles, asked := c.handles[name]
		if handles || !asked {
			return true
		}
	}
	return false
}

// ask asks about the names of parked tasks. The broker is not locked.
func (c *caller) ask() {
	if c.handles == nil {
		c.handles = make(map[string]bool)
	}
	for _, name := range c.unasked {
		c.handles[name] = c.Knows(name)
	}
}

// strange returns the names of parked tasks that the caller was not asked about.
func (b *Broker) strange(c *caller) (names []string) {
	if c.Handles == nil {
		return nil
	}
	for _, queue := range c.Queues {
		q := b.queues[queue]
		if q == nil || b.isPaused(queue) {
			continue
		}
		for name := range q.parked {
			if _, asked := c.handles[name]; !asked && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
