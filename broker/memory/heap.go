package memory

import (
	"math"
	"slices"
)

// never is later than any time.
const never = math.MaxInt64

// key orders the tasks of one status: by a time in nanoseconds since 1970, then
// by rank. It is unique within a heap.
type key struct {
	at   int64
	rank int64
}

func (k key) before(other key) bool {
	return k.at < other.at || k.at == other.at && k.rank < other.rank
}

// arity is how many children a parent has in a heap.
const arity = 4

// item repeats the key of its entry, so that comparing does not follow pointers.
type item struct {
	key
	entry *entry
}

// heap is a heap of entries with four children a parent: it is half as deep as a
// binary one, and each level costs a look at an entry that is in no cache. Each
// entry knows its place, so that it can be taken out of the middle. An entry is
// in one heap at a time.
type heap struct {
	items []item
}

func (h *heap) len() int { return len(h.items) }

// next returns the time of the first entry, or never.
func (h *heap) next() int64 {
	if len(h.items) == 0 {
		return never
	}
	return h.items[0].at
}

// first returns the first entry. There must be one.
func (h *heap) first() *entry { return h.items[0].entry }

func (h *heap) push(e *entry) {
	e.place = len(h.items)
	h.items = append(h.items, item{e.key, e})
	h.up(e.place)
}

func (h *heap) remove(e *entry) {
	at, last := e.place, len(h.items)-1
	moved := h.items[last]
	h.items[last] = item{}
	h.items = h.items[:last]
	if at == last {
		return
	}
	h.set(at, moved)
	h.down(at)
	h.up(moved.entry.place)
}

func (h *heap) set(at int, it item) {
	h.items[at] = it
	it.entry.place = at
}

func (h *heap) up(at int) {
	it := h.items[at]
	for at > 0 {
		parent := (at - 1) / arity
		if !it.before(h.items[parent].key) {
			break
		}
		h.set(at, h.items[parent])
		at = parent
	}
	h.set(at, it)
}

func (h *heap) down(at int) {
	it := h.items[at]
	for {
		child := h.firstChild(at)
		if child < 0 || !h.items[child].before(it.key) {
			break
		}
		h.set(at, h.items[child])
		at = child
	}
	h.set(at, it)
}

// firstChild returns the child that goes before its siblings, or -1 if there is
// none.
func (h *heap) firstChild(parent int) int {
	first, end := h.children(parent)
	if first == end {
		return -1
	}
	for i := first + 1; i < end; i++ {
		if h.items[i].before(h.items[first].key) {
			first = i
		}
	}
	return first
}

// children returns the places of the children: from the first to before the end.
func (h *heap) children(parent int) (first, end int) {
	n := len(h.items)
	return min(arity*parent+1, n), min(arity*parent+1+arity, n)
}

// inOrder yields the entries in their order.
func (h *heap) inOrder(yield func(*entry) bool) {
	var look []int // the children of those that were yielded, in order
	add := func(at int) {
		i, _ := slices.BinarySearchFunc(look, h.items[at], func(other int, it item) int { return compare(h.items[other], it) })
		look = slices.Insert(look, i, at)
	}
	if h.len() > 0 {
		add(0)
	}
	for len(look) > 0 {
		at := look[0]
		look = look[1:]
		if !yield(h.items[at].entry) {
			return
		}
		for child, end := h.children(at); child < end; child++ {
			add(child)
		}
	}
}
