package redis

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
)

func lostItemsOf(queue string, n int) []item {
	items := make([]item, n)
	for i := range items {
		items[i] = item{queue: queue, id: uuid.UUID{1, byte(i >> 8), byte(i)}, args: []any{strconv.Itoa(i), []byte("record")}}
	}
	return items
}

func positions(n int) []int {
	at := make([]int, n)
	for i := range at {
		at[i] = i
	}
	return at
}

// What is known of calls without an answer is bounded, in number and in time.
func TestLostCallsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l lostCalls
		for i := range 2 * maxLost / broker.MaxBatch {
			queue := strconv.Itoa(i)
			l.add(lostCall{queue: queue, begun: time.Now()}, lostItemsOf(queue, broker.MaxBatch), positions(broker.MaxBatch))
			time.Sleep(time.Millisecond) // fake time
		}
		if l.items != maxLost || len(l.calls) != maxLost/broker.MaxBatch {
			t.Errorf("%d items in %d calls are known, want %d items at most", l.items, len(l.calls), maxLost)
		}
		oldest := l.calls[0]
		if found := l.find(lostItemsOf(oldest.queue, 3)); len(found) != 1 || found[0].call != oldest {
			t.Errorf("found %v, want the oldest call", found)
		}
		time.Sleep(time.Until(oldest.begun.Add(lostMemory + 1))) // fake time
		if found := l.find(lostItemsOf(oldest.queue, 3)); found != nil || len(l.calls) != maxLost/broker.MaxBatch-1 {
			t.Errorf("found %v among %d calls after %s, want the oldest forgotten", found, len(l.calls), lostMemory)
		}
		time.Sleep(time.Second) // fake time
		if found := l.find(nil); found != nil || len(l.calls) != 0 || l.items != 0 || len(l.known) != 0 {
			t.Errorf("%d calls and %d items left, want none", len(l.calls), l.items)
		}
	})
}

// An item has one answer, and an item of another queue or with other arguments none.
func TestLostCallsKnowTheirItems(t *testing.T) {
	t.Parallel()
	var l lostCalls
	items := lostItemsOf("q", 2)
	l.add(lostCall{queue: "q", begun: time.Now()}, append(items, items...), positions(4))
	items[1].args = []any{"1", []byte("another record")}
	found := l.find(append(lostItemsOf("other", 2), items...))
	if len(found) != 1 || found[0].at[0] != 2 || found[0].at[1] != -1 || found[0].at[2] != -1 {
		t.Fatalf("found %+v, want the third item alone, once", found)
	}
	l.forget(found[0].call, 0)
	if found = l.find(items[:1]); len(found) != 1 || found[0].at[2] != 0 {
		t.Errorf("found %+v, want the second place of the item", found)
	}
	l.drop(found[0].call)
	if found = l.find(lostItemsOf("q", 2)); found != nil || l.items != 0 || len(l.known) != 0 {
		t.Errorf("found %+v in a call that was not made", found)
	}
}
