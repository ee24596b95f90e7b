package dashboard

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestHub(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHub(3, time.Second)
		var polls atomic.Int64
		poll := func(context.Context) []byte { return fmt.Append(nil, polls.Add(1)) }
		a, _ := h.join("page", poll)
		b, _ := h.join("page", poll)
		synctest.Wait()
		time.Sleep(5500 * time.Millisecond) // of the bubble: it takes no time
		if n := polls.Load(); n != 6 {
			t.Errorf("two viewers cost %d polls in 5 intervals, want 6", n)
		}
		if got := string(<-a.news); got != "6" {
			t.Errorf("one that was slow gets state %s, want the latest", got)
		}
		other, _ := h.join("other", func(context.Context) []byte { return nil })
		if _, ok := h.join("page", poll); ok {
			t.Error("a fourth viewer was let in")
		}
		h.leave(a)
		late, ok := h.join("page", poll)
		if got := <-late.news; !ok || string(got) != "6" {
			t.Errorf("one that comes later gets %s, want what is known", got)
		}
		for _, v := range []*viewer{b, other, late} {
			h.leave(v)
		}
		if len(h.topics) != 0 || h.viewers != 0 {
			t.Errorf("%d topics and %d viewers are left", len(h.topics), h.viewers)
		}
		polls.Store(0)
		time.Sleep(time.Minute)
		if polls.Load() != 0 {
			t.Error("it polls though nobody looks")
		}
	}) // which fails if a goroutine is left
}

// TestHubLeavesDuringPoll: whoever leaves last does not wait for a broker that is
// stuck.
func TestHubLeavesDuringPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHub(1, time.Second)
		v, _ := h.join("page", func(ctx context.Context) []byte {
			<-ctx.Done()
			return nil
		})
		synctest.Wait()
		h.leave(v)
	})
}
