package task

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"time"
)

// UniqueMode says how a task and others with its key exclude each other.
type UniqueMode int

// A newcomer meets a lock if a task with its key holds one; what happens then is
// up to the holder's mode. A lock whose holder has ended or is gone is void.
const (
	// NotUnique tasks hold no lock.
	NotUnique UniqueMode = iota
	// UntilStarted refuses newcomers while the task waits for its first run.
	UntilStarted
	// UntilEnded refuses newcomers until the task has ended, however often it
	// is retried and however long it runs.
	UntilEnded
	// Throttle refuses newcomers for the duration For, counted from when the
	// task was enqueued, whatever becomes of it.
	Throttle
	// Debounce has a task wait until no newcomer came for the duration For. A
	// newcomer takes the waiting one's place: the task keeps its ID and gets
	// all else from the newcomer. At Limit after the first at the latest it is
	// due. Once it has started, the next newcomer begins anew.
	Debounce
	// Latest keeps one task running and one waiting. A newcomer takes the
	// waiting one's place as with Debounce; the waiting one starts when the
	// running one has ended.
	Latest
)

// Unique makes a task exclude others of its queue with the same key. The zero
// value excludes none.
//
// A refused task gets ErrDuplicate, as a *DuplicateError with the ID of the one
// that stands. A task that takes a waiting one's place is no duplicate: Enqueue
// writes the ID of the one that stands into it.
type Unique struct {
	Mode UniqueMode
	// Key is what tasks of one queue share that exclude each other, whatever
	// their names. At most 512 bytes. Default: the name and the payload; with
	// Debounce and Latest the name alone.
	Key string
	// For is the duration of Throttle and Debounce, which need it.
	For time.Duration
	// Limit is the most that newcomers can put a task off with Debounce,
	// counted from the first. Default: no limit.
	Limit time.Duration
}

// Gather makes tasks of one queue with the same key wait for each other, to be
// run together: the first keeps its ID, and those that follow become its
// Members, which Enqueue says by writing its ID into them. They run, are
// retried and end as one task. Once it has started, or is full, the next
// newcomer begins a group of its own. The zero value gathers nothing.
type Gather struct {
	// Key is what the tasks share. 1 to 512 bytes; empty: not gathered.
	Key string
	// Size is how many tasks make the group full, so that it runs at once. 2
	// to 1000. Default: 100. A group of 1 MiB is full, too.
	Size int
	// Delay is the most that the first task waits. Default: 1 minute.
	Delay time.Duration
	// Quiet is how long the group waits for a next task. Default: as long as
	// Delay.
	Quiet time.Duration
}

// What a zero field of Gather means.
const (
	DefaultGatherSize  = 100
	DefaultGatherDelay = time.Minute
	// MaxGatherBytes is how large a group's record may grow.
	MaxGatherBytes = 1 << 20
)

const (
	maxKey        = 512
	maxGatherSize = 1000
)

// LockKey identifies the lock that the task would hold in its queue, by 22
// characters of base64url. It is empty if the task has neither Unique nor Gather.
func (t *Task) LockKey() string {
	switch {
	case t.Gather.Key != "":
		return digest("gather", t.Name, t.Gather.Key)
	case t.Unique.Mode == NotUnique:
		return ""
	case t.Unique.Key != "":
		return digest("key", t.Unique.Key)
	case t.Unique.Mode == Debounce || t.Unique.Mode == Latest:
		return digest("name", t.Name)
	}
	return digest("payload", t.Name, string(t.Payload))
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		h.Write(strconv.AppendInt(nil, int64(len(part)), 10))
		h.Write([]byte{':'})
		h.Write([]byte(part))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:16])
}

func (u Unique) check() error {
	switch {
	case u.Mode < NotUnique || u.Mode > Latest:
		return &FieldError{"Unique.Mode", "must be one of the modes of package task", strconv.Itoa(int(u.Mode))}
	case u.Mode == NotUnique && u != Unique{}:
		return &FieldError{Field: "Unique.Mode", Rule: "must be set if another field of Unique is"}
	case len(u.Key) > maxKey:
		return &FieldError{"Unique.Key", "must be at most 512 bytes", strconv.Itoa(len(u.Key))}
	case (u.Mode == Throttle || u.Mode == Debounce) && u.For < time.Millisecond:
		return &FieldError{"Unique.For", "must be at least 1ms with Throttle and Debounce", u.For.String()}
	case u.Mode != Throttle && u.Mode != Debounce && u.For != 0:
		return &FieldError{"Unique.For", "must be 0 but with Throttle and Debounce", u.For.String()}
	case u.Limit != 0 && (u.Mode != Debounce || u.Limit < u.For):
		return &FieldError{"Unique.Limit", "must be 0, or with Debounce at least For", u.Limit.String()}
	}
	return nil
}

func (t *Task) checkGather() error {
	g := t.Gather
	switch {
	case g.Key == "" && g != Gather{}:
		return &FieldError{Field: "Gather.Key", Rule: "must be set if another field of Gather is"}
	case len(g.Key) > maxKey:
		return &FieldError{"Gather.Key", "must be at most 512 bytes", strconv.Itoa(len(g.Key))}
	case g.Size != 0 && (g.Size < 2 || g.Size > maxGatherSize):
		return &FieldError{"Gather.Size", "must be 2 to 1000, or 0 for the default", strconv.Itoa(g.Size)}
	case g.Delay < 0:
		return &FieldError{"Gather.Delay", "must not be negative", g.Delay.String()}
	case g.Quiet < 0:
		return &FieldError{"Gather.Quiet", "must not be negative", g.Quiet.String()}
	case g.Key != "" && t.Unique.Mode != NotUnique:
		return &FieldError{Field: "Unique.Mode", Rule: "cannot be combined with Gather"}
	case g.Key != "" && !t.RunAt.IsZero():
		return &FieldError{Field: "RunAt", Rule: "cannot be combined with Gather"}
	}
	return nil
}

func (g *Gather) fill() {
	if g.Key == "" {
		return
	}
	if g.Size == 0 {
		g.Size = DefaultGatherSize
	}
	if g.Delay == 0 {
		g.Delay = DefaultGatherDelay
	}
	if g.Quiet == 0 || g.Quiet > g.Delay {
		g.Quiet = g.Delay
	}
}
