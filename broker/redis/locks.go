package redis

import (
	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/task"
)

// lockModes are the modes of a lock, as the scripts know them.
var lockModes = map[task.UniqueMode]string{
	task.UntilStarted: "s", task.UntilEnded: "e", task.Throttle: "t", task.Debounce: "d", task.Latest: "l",
}

// lockArgs is what the enqueue script has to know of a task's lock.
func lockArgs(t *task.Task, digest string) []any {
	if g := t.Gather; g.Key != "" {
		return []any{digest, "g", ceil(g.Quiet), ceil(g.Delay), g.Size, record.AppendMember(nil, t)}
	}
	u := t.Unique
	return []any{digest, lockModes[u.Mode], ceil(u.For), ceil(u.Limit), 0, ""}
}

// retaken is the value of the lock that an ended task takes when it begins anew,
// or "".
func retaken(t *task.Task) string {
	switch t.Unique.Mode {
	case task.UntilStarted, task.UntilEnded:
		return lockModes[t.Unique.Mode] + "|" + encodeID(t.ID)
	}
	return ""
}

// joinedError tells that a task took the place of another one, or became a
// member of it. It does not leave this package.
type joinedError struct {
	id   uuid.UUID
	also error // what is to be said of it besides, or nil
}

func (e *joinedError) Error() string { return "joined task " + e.id.String() }

// notEnqueued reads what the enqueue script says of a task.
func notEnqueued(id uuid.UUID, r remark) error {
	if r.mark == 0 {
		return &task.DuplicateError{ID: id}
	}
	other, err := decodeID(r.text)
	switch {
	case err != nil:
		return err
	case r.mark == '=':
		return &joinedError{id: other}
	}
	return &task.DuplicateError{ID: other, Unique: true}
}
