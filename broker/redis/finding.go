package redis

import "errors"

// Kind says in what way something in the keyspace is broken.
type Kind string

// The kinds of findings, and what Repair does about each.
const (
	// KindTwoStates: a task in more than one state, or with several leases. It
	// keeps the state that its record says it has ended in, or the latest lease,
	// or the state from which it runs soonest.
	KindTwoStates Kind = "two states"
	// KindNoState: a record in no state. Its task waits again, not before its
	// RunAt, or has ended, as the record says.
	KindNoState Kind = "no state"
	// KindNoRecord: a state without a record. It is removed. A lease that lasts is
	// left: its worker may yet hand the record back.
	KindNoRecord Kind = "no record"
	// KindBadRecord: a record that cannot be decoded, or is of another queue. The
	// task becomes failed, and keeps the bytes as its payload, for seven days.
	KindBadRecord Kind = "bad record"
	// KindBadID: a field or member that is no id. It is removed or, with a record,
	// becomes failed as above. A malformed lease is left until it runs out; then
	// whoever leases it sets it aside.
	KindBadID Kind = "bad id"
	// KindBadScore: a member whose score cannot be. It gets a new one.
	KindBadScore Kind = "bad score"
	// KindStuck: a task that waits for another one's end, which does not know of
	// it, or that is parked but is not to be found by its name. It becomes pending.
	KindStuck Kind = "stuck"
	// KindBadLock: a lock that cannot be read, or the end of a throttle that cannot
	// come. It is let go of, or gets its end.
	KindBadLock Kind = "bad lock"
	// KindVoidLock: a lock whose holder, or who waits for its holder, has ended or
	// is gone. It is let go of. Servers do the same within minutes.
	KindVoidLock Kind = "void lock"
	// KindVoidMark: the end of a throttle, a cancellation or a progress of what is
	// not there, or among the names of parked tasks what is none. It is removed.
	KindVoidMark Kind = "void mark"
	// KindBadMarker: a wake-up that is none. It is removed.
	KindBadMarker Kind = "bad marker"
	// KindBadNumber: the counter is behind numbers in use, so that tokens would
	// repeat. It is set to the greatest.
	KindBadNumber Kind = "bad number"
	// KindBadSchedule: what is known of a schedule cannot be read. It is left.
	KindBadSchedule Kind = "bad schedule"
	// KindBadType: a key of another type than its own. It is left, and what
	// depends on it is not examined.
	KindBadType Kind = "bad type"
	// KindLostKey: a key under the prefix that is none of a queue's. It is left.
	KindLostKey Kind = "lost key"
	// KindNoExpiry: a reply that would be remembered forever. It is forgotten in a
	// minute.
	KindNoExpiry Kind = "no expiry"
	// KindUnnamed: a queue with tasks that is not among the names. It is added.
	KindUnnamed Kind = "unnamed queue"
	// KindNoQueue: the name of a queue that has no key. It is removed.
	KindNoQueue Kind = "no queue"
)

// Finding is one thing in the keyspace that is broken.
type Finding struct {
	Queue  string // "": it belongs to no queue
	Key    string // the key in which it was found
	ID     string // the id, field or member there; "": the key as a whole
	Kind   Kind
	Detail string // for people
}

// ErrNotRepaired is the error of Repair for what it leaves as it is.
var ErrNotRepaired = errors.New("left as it is")
