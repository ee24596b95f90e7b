package engine

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const (
	// overdueAfter is when a handler counts as overdue: so long after its context
	// has ended it still goes on.
	overdueAfter = 10 * time.Second
	// overdueLook is how often the server looks for such handlers, overdueAgain
	// how often it tells of one of them.
	overdueLook  = 5 * time.Second
	overdueAgain = time.Minute
	// overdueTold is how many are told of in one look.
	overdueTold = 10
	// maxDump bounds the stacks of all goroutines that are looked through.
	maxDump = 8 << 20
)

// watch looks for handlers that go on although their context has ended. Nothing
// can end them: they keep their slots, and their tasks.
type watch struct {
	leases  *leases
	log     *slog.Logger
	found   func(n int) // is told how many there are
	told    map[*held]time.Time
	stop    context.CancelFunc
	running sync.WaitGroup
}

func newWatch(l *leases, log *slog.Logger, found func(int)) *watch {
	ctx, stop := context.WithCancel(context.Background())
	w := &watch{leases: l, log: log, found: found, told: make(map[*held]time.Time), stop: stop}
	w.running.Go(func() { w.run(ctx) })
	return w
}

func (w *watch) close() {
	w.stop()
	w.running.Wait()
}

func (w *watch) run(ctx context.Context) {
	ticker := time.NewTicker(overdueLook)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			w.look(time.Now())
		case <-ctx.Done():
			return
		}
	}
}

func (w *watch) look(now time.Time) {
	all := w.leases.which(func(h *held) bool { return overdue(h, now) })
	w.found(len(all))
	told := make(map[*held]time.Time, len(all))
	var news []*held
	for _, h := range all {
		told[h] = w.told[h]
		if now.Sub(told[h]) >= overdueAgain && len(news) < overdueTold {
			told[h] = now
			news = append(news, h)
		}
	}
	w.told = told
	if len(news) > 0 {
		w.tell(news, len(all), now)
	}
}

// overdue reports whether the holder of a lease should have returned long ago.
func overdue(h *held, now time.Time) bool {
	over, is := h.holder.overruns(now)
	return is && now.Sub(over.since) >= overdueAfter
}

func (w *watch) tell(news []*held, all int, now time.Time) {
	dump := make([]byte, maxDump)
	dump = dump[:runtime.Stack(dump, true)]
	for _, h := range news {
		over, is := h.holder.overruns(now)
		if !is {
			continue
		}
		w.log.Error("a handler goes on although its context has ended; it keeps its slot until it returns",
			"task", h.lease.ID, "name", h.name, "queue", h.lease.Queue, "cause", over.cause,
			"for", now.Sub(over.since).Round(time.Second), "handlers like this", all, "stack", stackOf(dump, over.goroutine))
	}
}

// stackOf finds a goroutine's stack in those of all.
func stackOf(dump []byte, id uint64) string {
	_, rest, found := bytes.Cut(dump, fmt.Appendf(nil, "goroutine %d ", id))
	if !found {
		return "not found"
	}
	stack, _, _ := bytes.Cut(rest, []byte("\n\n"))
	return string(stack[:min(len(stack), maxStack)])
}

// goroutine returns the number of the goroutine that calls it, as it is named in
// a stack.
func goroutine() uint64 {
	var buffer [40]byte
	text := buffer[:runtime.Stack(buffer[:], false)]
	text = bytes.TrimPrefix(text, []byte("goroutine "))
	number, _, _ := bytes.Cut(text, []byte(" "))
	id, _ := strconv.ParseUint(string(number), 10, 64) // 0 finds no stack
	return id
}
