// Package history records what producers, brokers and handlers of a fault test
// did, in any number of processes, and checks afterwards that the promises were
// kept: nothing lost, nothing run twice that had ended, no two leases at once.
package history

import "time"

// Type says what an Event tells of.
type Type string

// What there is to tell.
const (
	TypeEnqueue Type = "enqueue" // a task was handed to the broker
	TypeTick    Type = "tick"    // a tick of a schedule was
	TypeLease   Type = "lease"   // a worker got a task
	TypeExtend  Type = "extend"  // it asked for more time
	TypeStart   Type = "start"   // a handler began
	TypeEnd     Type = "end"     // a handler returned
	// A worker is about to say what becomes of the task. If it is killed before
	// the answer comes, this is all there is to know.
	TypeSettling Type = "settling"
	TypeSettle   Type = "settle" // a worker said so
	TypeRevise   Type = "revise" // an operator did
	TypeEnded    Type = "ended"  // somebody saw the task ended
)

// Answer is how a call was answered.
type Answer string

// The answers. What was not answered may have happened or not.
const (
	Accepted Answer = "accepted"
	Refused  Answer = "refused"
	Unknown  Answer = "unknown"
)

// Event is one line of a history. Begin and End are when the call began and
// returned; for a moment they are the same. Times are those of the machine on
// which all processes run.
type Event struct {
	Type    Type      `json:"type"`
	Process string    `json:"process"`        // which Recorder wrote it
	Call    int       `json:"call,omitempty"` // tells the calls of a process apart
	Begin   time.Time `json:"begin"`
	End     time.Time `json:"end"`
	Answer  Answer    `json:"answer,omitempty"`

	Queue string `json:"queue"`
	ID    string `json:"id"`

	// Of enqueue and tick.
	Priority int       `json:"priority,omitempty"`
	RunAt    time.Time `json:"run_at,omitzero"`
	MaxRetry int       `json:"max_retry,omitempty"` // as task.Task has it, with its default
	Schedule string    `json:"schedule,omitempty"`
	Tick     time.Time `json:"tick,omitzero"`

	// Of lease, extend, start, end and settle: which lease.
	Token      int64 `json:"token,omitempty"`
	Attempt    int   `json:"attempt,omitempty"` // the one that runs, from 1
	Deliveries int   `json:"deliveries,omitempty"`
	// Until is when the lease runs out, or a little earlier; zero where the
	// extension was refused.
	Until time.Time `json:"until,omitzero"`
	// Status is what the task becomes, or "deleted", or how its handler returned.
	Status string `json:"status,omitempty"`
	// Delay is how long the task then waits.
	Delay time.Duration `json:"delay,omitempty"`
}

// Deleted is the Status of a TypeRevise that removes a task.
const Deleted = "deleted"

func ends(status string) bool {
	switch status {
	case "completed", "failed", "cancelled", Deleted:
		return true
	}
	return false
}
