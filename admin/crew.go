package admin

import (
	"fmt"
	"strings"

	"github.com/nex-gen-tech/jobsy/broker"
)

// crew are the servers of a queue, as one of its tasks sees them.
type crew struct {
	alive int      // servers of any queue
	names []string // of those that take on tasks of the queue
	able  int      // of them that handle the task's name
	slots int      // of those that are able
	held  int      // by them, tasks
}

func newCrew(servers []broker.ServerInfo, queue, name string) crew {
	c := crew{alive: len(servers)}
	for i := range servers {
		s := &servers[i]
		if s.Queues[queue] == 0 || s.Stopping {
			continue
		}
		c.names = append(c.names, s.Name)
		if s.Handles(name) {
			c.able, c.slots, c.held = c.able+1, c.slots+s.Concurrency, c.held+s.Busy
		}
	}
	return c
}

// who names the first of them.
func (c *crew) who() string {
	const most = 5
	if len(c.names) <= most {
		return strings.Join(c.names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(c.names[:most], ", "), len(c.names)-most)
}
