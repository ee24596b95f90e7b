package memory

import (
	"iter"

	"github.com/nex-gen-tech/jobsy/task"
)

// parkedAt is the time of the key of a parked task: it is due for nobody who does
// not handle its name.
const parkedAt = never - 1

// parking holds the parked tasks of a queue by their names.
type parking map[string]*heap

// barredLooked is at how many tasks a call looks, of which it may have none.
const barredLooked = 1000

func (e *entry) parked() bool {
	return e.task.Status == task.StatusScheduled && e.key.at == parkedAt
}

func (p parking) len() int {
	n := 0
	for _, h := range p {
		n += h.len()
	}
	return n
}

// of returns the heap of a name, which it makes if there is none.
func (p *parking) of(name string) *heap {
	if *p == nil {
		*p = make(parking)
	}
	h := (*p)[name]
	if h == nil {
		h = new(heap)
		(*p)[name] = h
	}
	return h
}

func (p parking) remove(e *entry) {
	h := p[e.task.Name]
	h.remove(e)
	if h.len() == 0 {
		delete(p, e.task.Name)
	}
}

// all yields the parked tasks in no order.
func (p parking) all() iter.Seq[item] {
	return func(yield func(item) bool) {
		for _, h := range p {
			for _, it := range h.items {
				if !yield(it) {
					return
				}
			}
		}
	}
}

// next returns the parked task that the caller is to have first, or nil.
func (p parking) next(c *caller, bar int) *entry {
	var first *entry
	for name, h := range p {
		if !c.mayHandle(name) {
			continue
		}
		if e := h.unbarred(bar); e != nil && (first == nil || e.key.before(first.key)) {
			first = e
		}
	}
	return first
}

// unbarred returns the first entry whose deliveries would not become bar, or nil.
// It looks at a bounded number.
func (h *heap) unbarred(bar int) *entry {
	if h.len() > 0 && (bar == 0 || !h.first().barred(bar)) {
		return h.first()
	}
	looked := 0
	for e := range h.inOrder {
		if looked++; looked > barredLooked {
			break
		}
		if !e.barred(bar) {
			return e
		}
	}
	return nil
}

func (e *entry) barred(bar int) bool { return int(e.task.Deliveries)+1 == bar }
