package broker

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"

	"github.com/nex-gen-tech/jobsy/task"
)

// LockKey identifies the lock that a task would hold in its queue, by 22
// characters of base64url. It is empty if the task has neither Unique nor Gather.
func LockKey(t *task.Task) string {
	switch {
	case t.Gather.Key != "":
		return digest("gather", t.Name, t.Gather.Key)
	case t.Unique.Mode == task.NotUnique:
		return ""
	case t.Unique.Key != "":
		return digest("key", t.Unique.Key)
	case t.Unique.Mode == task.Debounce || t.Unique.Mode == task.Latest:
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
