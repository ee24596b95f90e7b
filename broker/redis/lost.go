package redis

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
)

const (
	// lostMemory is for how long a call can be asked about: a queue remembers it
	// that long and callTimeout longer, in which the question arrives.
	lostMemory = replyMemory - callTimeout
	// maxLost is how many items of such calls are known at most.
	maxLost = 32 * broker.MaxBatch
	// notMade is what a queue says of a call that it does not know.
	notMade = "-"
)

// lostCalls are calls that got no answer, or whose callers did not wait for it. An
// item of one that comes back is not sent before the queue has said what became of
// that call: it may have been made. No other call has the name of a lost one, so its
// answer stays where it is.
type lostCalls struct {
	mu    sync.Mutex
	calls []*lostCall      // the oldest first
	known map[lostName]int // how often each item is in calls
	items int              // in calls
}

// lostCall is a call on one queue.
type lostCall struct {
	queue, caller, number string
	begun                 time.Time
	items                 []lostItem // by position
}

// lostItem is an item as it was sent; zero: nobody asks about it.
type lostItem struct {
	id  uuid.UUID
	sum [sha256.Size]byte // of its arguments
}

// lostName is what an item that comes back is looked up by.
type lostName struct {
	queue string
	id    uuid.UUID
}

func newLostItem(it *item) lostItem {
	h, lost := sha256.New(), lostItem{id: it.id}
	for _, arg := range it.args {
		text, ok := arg.([]byte)
		if !ok {
			text = fmt.Append(nil, arg)
		}
		fmt.Fprintf(h, "%d:%s,", len(text), text)
	}
	h.Sum(lost.sum[:0])
	return lost
}

// add adds the call of the items at those positions, -1 for one that nobody will ask
// about. The oldest calls make room.
func (l *lostCalls) add(call lostCall, items []item, at []int) {
	call.items = make([]lostItem, len(at))
	for position, i := range at {
		if i >= 0 {
			call.items[position] = newLostItem(&items[i])
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls, l.items = append(l.calls, &call), l.items+len(at)
	if l.known == nil {
		l.known = make(map[lostName]int)
	}
	for _, it := range call.items {
		if it.id != uuid.Nil {
			l.known[lostName{call.queue, it.id}]++
		}
	}
	for l.items > maxLost {
		l.remove(0)
	}
}

// remove forgets the call in that place.
func (l *lostCalls) remove(i int) {
	call := l.calls[i]
	l.calls, l.items = slices.Delete(l.calls, i, i+1), l.items-len(call.items)
	for _, it := range call.items {
		l.unname(lostName{call.queue, it.id})
	}
}

// unname counts an item less. One that nobody asks about has not been counted.
func (l *lostCalls) unname(name lostName) {
	if l.known[name]--; l.known[name] <= 0 {
		delete(l.known, name)
	}
}

// lostItems are items that were in one call: the position of each in their batch,
// -1 for one of the call that is not there.
type lostItems struct {
	call *lostCall
	at   []int
}

// find returns in which calls the items were.
func (l *lostCalls) find(items []item) (found []lostItems) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.calls) > 0 && time.Since(l.calls[0].begun) > lostMemory {
		l.remove(0)
	}
	if len(l.calls) == 0 {
		return nil
	}
	back := make(map[lostName][]int)
	for i := range items {
		if name := (lostName{items[i].queue, items[i].id}); l.known[name] > 0 {
			back[name] = append(back[name], i)
		}
	}
	for _, call := range l.calls {
		if len(back) == 0 {
			break
		}
		if at := call.among(items, back); at != nil {
			found = append(found, lostItems{call, at})
		}
	}
	return found
}

// among takes the items of the call out of those that are back, and returns where
// they are, or nil.
func (c *lostCall) among(items []item, back map[lostName][]int) (at []int) {
	for position, lost := range c.items {
		name := lostName{c.queue, lost.id}
		n := slices.IndexFunc(back[name], func(i int) bool { return newLostItem(&items[i]) == lost })
		if n < 0 {
			continue
		}
		if at == nil {
			at = slices.Repeat([]int{-1}, len(c.items))
		}
		at[position] = back[name][n]
		back[name] = slices.Delete(back[name], n, n+1)
	}
	return at
}

// forget forgets an item that has its answer.
func (l *lostCalls) forget(call *lostCall, position int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.Contains(l.calls, call) {
		l.unname(lostName{call.queue, call.items[position].id})
		call.items[position] = lostItem{}
	}
}

// drop forgets a call that was not made.
func (l *lostCalls) drop(call *lostCall) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.calls, call); i >= 0 {
		l.remove(i)
	}
}
