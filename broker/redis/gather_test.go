package redis

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// slowWire is a wire on which each batch takes a second.
type slowWire struct{ batches [][]int }

func (w *slowWire) send(_ int, items []int) []error {
	w.batches = append(w.batches, items)
	time.Sleep(time.Second) // fake time: the round trip itself
	errs := make([]error, len(items))
	for i, item := range items {
		if item < 0 {
			errs[i] = task.ErrLeaseLost
		}
	}
	return errs
}

func newTestGatherer(w *slowWire) *gatherer[int] {
	return &gatherer[int]{send: w.send, fits: fits}
}

func TestGathererSendsAloneAtOnceAndTheRestTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wire := &slowWire{}
		g := newTestGatherer(wire)
		begin := time.Now()
		for i := range 10 {
			go g.do(t.Context(), []int{i}, 1)
			synctest.Wait()
		}
		g.close()
		if got := time.Since(begin); got != 2*time.Second {
			t.Errorf("10 concurrent calls took %s, want two round trips of 1s", got)
		}
		if len(wire.batches) != 2 || len(wire.batches[0]) != 1 || len(wire.batches[1]) != 9 {
			t.Errorf("batches %v, want the first alone and the other nine together", wire.batches)
		}
		if rest := wire.batches[1]; !slices.IsSorted(rest) {
			t.Errorf("second batch %v is not in the order of the calls", rest)
		}
	})
}

func TestGathererGivesEachCallerItsOwnErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newTestGatherer(&slowWire{})
		go g.do(t.Context(), []int{0}, 1)
		synctest.Wait()
		var good, mixed []error
		go func() { good = g.do(t.Context(), []int{1, 2}, 2) }()
		synctest.Wait()
		go func() { mixed = g.do(t.Context(), []int{3, -4, 5}, 3) }()
		synctest.Wait()
		g.close()
		synctest.Wait()
		if good != nil {
			t.Errorf("errors %v for the caller without any, want nil", good)
		}
		if len(mixed) != 3 || mixed[0] != nil || !errors.Is(mixed[1], task.ErrLeaseLost) || mixed[2] != nil {
			t.Errorf("errors %v, want only the second to be ErrLeaseLost", mixed)
		}
	})
}

func TestGathererEndsWithTheCallersContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wire := &slowWire{}
		g := newTestGatherer(wire)
		var sent, waiting []error
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		go func() { sent = g.do(ctx, []int{1}, 1) }()
		synctest.Wait()
		go func() { waiting = g.do(ctx, []int{2}, 1) }()
		synctest.Wait()
		<-ctx.Done()
		synctest.Wait()
		if len(sent) != 1 || !errors.Is(sent[0], task.ErrUnavailable) || !errors.Is(sent[0], context.DeadlineExceeded) {
			t.Errorf("call on the wire: %v, want ErrUnavailable, for it may have taken effect", sent)
		}
		if len(waiting) != 1 || errors.Is(waiting[0], task.ErrUnavailable) || !errors.Is(waiting[0], context.DeadlineExceeded) {
			t.Errorf("call that was not sent: %v, want the context's error alone", waiting)
		}
		g.close()
		if len(wire.batches) != 1 {
			t.Errorf("batches %v: what its caller has given up must not be sent", wire.batches)
		}
	})
}

// Those who have left before the answer are told of, and nobody else.
func TestGathererTellsWhoHasLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newTestGatherer(&slowWire{})
		var missed []int
		g.missed = func(_ int, items []int, at []int) {
			for _, i := range at {
				missed = append(missed, items[i])
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond) // in the second round trip
		defer cancel()
		go g.do(t.Context(), []int{1}, 1)
		synctest.Wait()
		go g.do(t.Context(), []int{2, 3}, 1)
		synctest.Wait()
		go g.do(ctx, []int{4, -5}, 1)
		synctest.Wait()
		go g.do(t.Context(), []int{6}, 1)
		synctest.Wait()
		g.close()
		if !slices.Equal(missed, []int{4, -5}) {
			t.Errorf("the callers of %v have left, want 4 and -5", missed)
		}
	})
}

func TestGathererKeepsWithinItsBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wire := &slowWire{}
		g := newTestGatherer(wire)
		for range 4 {
			go g.do(t.Context(), make([]int, broker.MaxBatch/2), 1)
			synctest.Wait()
		}
		for range 2 {
			go g.do(t.Context(), []int{1}, maxBatchBytes)
			synctest.Wait()
		}
		g.close()
		var sizes []int
		for _, batch := range wire.batches {
			sizes = append(sizes, len(batch))
		}
		half := broker.MaxBatch / 2
		if want := []int{half, 2 * half, half, 1, 1}; !slices.Equal(sizes, want) {
			t.Errorf("batch sizes %v, want %v", sizes, want)
		}
	})
}

func TestGathererRefusesAfterClose(t *testing.T) {
	t.Parallel()
	g := newTestGatherer(&slowWire{})
	g.close()
	if errs := g.do(t.Context(), []int{1}, 1); len(errs) != 1 || !errors.Is(errs[0], task.ErrClosed) {
		t.Errorf("after close: %v, want ErrClosed", errs)
	}
}

func TestChunk(t *testing.T) {
	t.Parallel()
	small := make([]item, broker.MaxBatch+1)
	if n, _ := chunk(small); n != broker.MaxBatch {
		t.Errorf("%d small items in a batch, want %d", n, broker.MaxBatch)
	}
	large := []item{{size: maxBatchBytes + 1}, {size: 1}}
	if n, bytes := chunk(large); n != 1 || bytes != maxBatchBytes+1 {
		t.Errorf("%d items of %d bytes, want the one that is over the bound alone", n, bytes)
	}
	filling := []item{{size: maxBatchBytes / 2}, {size: maxBatchBytes / 2}, {size: 1}}
	if n, _ := chunk(filling); n != 2 {
		t.Errorf("%d items in a batch, want the 2 that fill it", n)
	}
}

func TestGathererSendsFullBatchesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		lanes := make(map[int]int)
		g := &gatherer[int]{fits: fits, lanes: 2, send: func(lane int, items []int) []error {
			mu.Lock()
			lanes[lane]++
			mu.Unlock()
			time.Sleep(time.Second) // fake time: the round trip itself
			return nil
		}}
		begin := time.Now()
		for range 4 {
			go g.do(t.Context(), make([]int, broker.MaxBatch), broker.MaxBatch)
			synctest.Wait()
		}
		for i := range 10 { // these are no reason for another lane
			go g.do(t.Context(), []int{i}, 1)
			synctest.Wait()
		}
		g.close()
		if got := time.Since(begin); got != 3*time.Second {
			t.Errorf("4 full batches and 10 items took %s, want three round trips of 1s", got)
		}
		if lanes[0]+lanes[1] != 5 || min(lanes[0], lanes[1]) < 2 {
			t.Errorf("batches by lane %v, want the full ones shared and the rest together", lanes)
		}
	})
}
