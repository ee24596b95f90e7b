package main

import (
	"errors"
	"net/http"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/task"
)

// taskPage is what the page about a task shows.
type taskPage struct {
	*task.Task
	Letter letter
}

// Attempts is how many attempts the task has at most.
func (p taskPage) Attempts() int { return 1 + max(p.MaxRetry, 0) }

// follow shows where a task stands. The page loads itself anew until the task
// has ended.
func (s *site) follow(w http.ResponseWriter, r *http.Request) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		s.fail(w, http.StatusNotFound, "This is no task's id.")
		return
	}
	t, err := s.look.Task(r.Context(), queue, id)
	if errors.Is(err, task.ErrNotFound) {
		s.fail(w, http.StatusNotFound, "There is no such task, or it has ended a while ago.")
		return
	}
	if err != nil {
		s.log.Error("look up a task", "error", err)
		s.fail(w, http.StatusServiceUnavailable, "The task cannot be looked up just now. Please try again.")
		return
	}
	l, err := letters.Args(t)
	if err != nil {
		s.log.Error("show a task", "error", err)
	}
	s.show(w, http.StatusOK, "task.html", taskPage{t, l})
}
