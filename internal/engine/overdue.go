package engine

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
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
			"for", now.Sub(over.since).Round(time.Second), "handlers like this", all, "stack", stackOf(dump, h.holder))
	}
}

// stackOf finds the stack of the goroutine that runs a holder's handler in those of
// all: it has the frame of handlerContext.call. Nothing has to be noted of a
// goroutine before, which would cost each one a microsecond or two.
func stackOf(dump []byte, h holder) string {
	at := bytes.Index(dump, fmt.Appendf(nil, "(*handlerContext).call(%p", h))
	if at < 0 {
		return "not found"
	}
	between := []byte("\n\n")
	if begin := bytes.LastIndex(dump[:at], between); begin >= 0 {
		dump = dump[begin+len(between):]
	}
	stack, _, _ := bytes.Cut(dump, between)
	return string(stack[:min(len(stack), maxStack)])
}
