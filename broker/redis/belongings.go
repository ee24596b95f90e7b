package redis

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
)

// What a queue has beside its tasks: locks, marks, schedules.

// lock is the value of a lock.
type lock struct {
	mode         string
	holder, next string
	until        int64
}

// lockFields says how many fields the value of each mode has.
var lockFields = map[string]int{"s": 2, "e": 2, "t": 3, "d": 3, "l": 4, "g": 7}

func parseLock(value string) (lock, bool) {
	fields := strings.Split(value, "|")
	l := lock{mode: fields[0]}
	if len(fields) != lockFields[l.mode] || !goodID(fields[1]) {
		return l, false
	}
	l.holder = fields[1]
	numbers := fields[2:]
	if l.mode == "l" {
		l.next, numbers = fields[2], fields[3:]
	}
	for i, text := range numbers {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return l, false
		}
		if i == 0 {
			l.until = n
		}
	}
	return l, l.next == "" || goodID(l.next)
}

// flaws are what can be wrong with a lock, as the mend script calls it.
func flaws(value string) []string {
	l, ok := parseLock(value)
	switch {
	case !ok:
		return []string{"bad"}
	case l.mode == "t":
		return []string{"lapse"}
	case l.next != "":
		return []string{"void", "next"}
	}
	return []string{"void"}
}

// lockKinds have the kind and the words for each.
var lockKinds = map[string]struct {
	kind   Kind
	detail string
}{
	"bad":   {KindBadLock, "it cannot be read"},
	"lapse": {KindBadLock, "nothing says when it ends"},
	"void":  {KindVoidLock, "its holder has ended or is gone"},
	"next":  {KindVoidLock, "who waits for its holder has ended or is gone"},
}

func (e *examination) checkLocks(ctx context.Context) error {
	return e.each(ctx, e.k.locks(), func(digest, value string) error {
		for _, flaw := range flaws(value) {
			kind := lockKinds[flaw]
			if err := e.suspect(ctx, e.k.locks(), digest, kind.kind, kind.detail+": "+strconv.Quote(value), "lock", digest, value, flaw); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *examination) checkLapses(ctx context.Context) error {
	return e.each(ctx, e.k.lapses(), func(digest, _ string) error {
		return e.suspect(ctx, e.k.lapses(), digest, KindVoidMark, "it is the end of no throttle", "lapse", digest)
	})
}

// checkMarks looks at what is noted of running tasks.
func (e *examination) checkMarks(ctx context.Context) error {
	for _, name := range []string{"cancelling", "progress"} {
		key := e.k.base + name
		err := e.each(ctx, key, func(id, _ string) error {
			if name == "cancelling" && e.leased[id] > 0 {
				return nil
			}
			return e.suspect(ctx, key, id, KindVoidMark, "its task is not there", name, id)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *examination) checkWake(ctx context.Context) error {
	return e.each(ctx, e.k.wake(), func(member, _ string) error {
		return e.suspect(ctx, e.k.wake(), member, KindBadMarker, "it is no marker", "wake", member)
	})
}

func (e *examination) checkSchedules(ctx context.Context) error {
	if !e.sound("schedules") {
		return nil
	}
	return e.each(ctx, e.k.schedules(), func(name, state string) error {
		if !goodSchedule(state) || broker.CheckName("Schedule", name) != nil {
			e.report(e.k.schedules(), name, KindBadSchedule, "it cannot be read: "+strconv.Quote(state))
		}
		return nil
	})
}

// goodSchedule reports whether a state is "anchor|last|id".
func goodSchedule(state string) bool {
	fields := strings.Split(state, "|")
	if len(fields) != 3 || fields[2] != "" && !goodID(fields[2]) {
		return false
	}
	for _, text := range fields[:2] {
		if n, err := strconv.ParseInt(text, 10, 64); err != nil || n < 0 || n > longest.Milliseconds()+time.Now().UnixMilli() {
			return false
		}
	}
	return true
}
