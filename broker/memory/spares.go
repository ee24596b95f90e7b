package memory

import "github.com/nex-gen-tech/jobsy/task"

const (
	// maxSpares bounds the spares. More are of use only where more tasks run at
	// a time.
	maxSpares = 2048
	// maxSparePayload is the largest payload whose memory is kept, too.
	maxSparePayload = 4096
)

// spares is the memory of tasks that are gone, for those that are leased next.
// Nobody else has any of it: the broker hands out copies of what it keeps.
type spares struct{ tasks []*task.Task }

// take returns memory for CloneInto.
func (s *spares) take() *task.Task {
	last := len(s.tasks) - 1
	if last < 0 {
		return new(task.Task)
	}
	t := s.tasks[last]
	s.tasks = s.tasks[:last]
	return t
}

// put takes in the memory of a task that is gone.
func (s *spares) put(t *task.Task) {
	if len(s.tasks) == maxSpares {
		return
	}
	if cap(t.Payload) > maxSparePayload {
		t.Payload = nil
	}
	*t = task.Task{Payload: t.Payload}
	s.tasks = append(s.tasks, t)
}
