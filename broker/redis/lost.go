package redis

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"

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

// lostCalls are calls that got no answer. An item of one that comes back is not sent
// before the queue has said what became of that call: it may have been made. No
// other call has the name of a lost one, so its answer stays where it is.
type lostCalls struct {
	mu    sync.Mutex
	calls []*lostCall // the oldest first
	items int         // in calls
}

// lostCall is a call on one queue.
type lostCall struct {
	queue, caller, number string
	begun                 time.Time
	items                 []itemSum // by position; zero: it has its answer
}

// itemSum tells one item from all others.
type itemSum [sha256.Size]byte

func sumOf(it *item) itemSum {
	h, sum := sha256.New(), itemSum{}
	for _, arg := range it.args {
		text, ok := arg.([]byte)
		if !ok {
			text = fmt.Append(nil, arg)
		}
		fmt.Fprintf(h, "%d:%s,", len(text), text)
	}
	h.Sum(sum[:0])
	return sum
}

// add adds the call of the items at those positions. The oldest calls make room.
func (l *lostCalls) add(call *lostCall, items []item, at []int) {
	call.items = make([]itemSum, len(at))
	for position, i := range at {
		call.items[position] = sumOf(&items[i])
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls, l.items = append(l.calls, call), l.items+len(call.items)
	for l.items > maxLost {
		l.dropFirst()
	}
}

func (l *lostCalls) dropFirst() {
	l.items -= len(l.calls[0].items)
	l.calls[0] = nil
	l.calls = l.calls[1:]
}

// lostItems are items that were in one call: the position of each in their batch,
// -1 for one of the call that is not there.
type lostItems struct {
	call *lostCall
	at   []int
}

// find returns in which calls the items were.
func (l *lostCalls) find(items []item) []*lostItems {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.calls) > 0 && time.Since(l.calls[0].begun) > lostMemory {
		l.dropFirst()
	}
	if len(l.calls) == 0 {
		return nil
	}
	back := make(map[backItem][]int, len(items))
	for i := range items {
		key := backItem{items[i].queue, sumOf(&items[i])}
		back[key] = append(back[key], i)
	}
	var found []*lostItems
	for _, call := range l.calls {
		if of := call.among(back); of != nil {
			found = append(found, of)
		}
	}
	return found
}

// backItem is an item that comes back.
type backItem struct {
	queue string
	item  itemSum
}

// among takes the items of the call out of those that are back.
func (c *lostCall) among(back map[backItem][]int) (found *lostItems) {
	for position, item := range c.items {
		key := backItem{c.queue, item}
		at := back[key]
		if len(at) == 0 {
			continue
		}
		if found == nil {
			found = &lostItems{call: c, at: slices.Repeat([]int{-1}, len(c.items))}
		}
		found.at[position], back[key] = at[0], at[1:]
	}
	return found
}

// forget forgets an item that has its answer.
func (l *lostCalls) forget(call *lostCall, position int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	call.items[position] = itemSum{}
}

// drop forgets a call that was not made.
func (l *lostCalls) drop(call *lostCall) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.calls, call); i >= 0 {
		l.calls = slices.Delete(l.calls, i, i+1)
		l.items -= len(call.items)
	}
}
