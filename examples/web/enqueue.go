package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/nex-gen-tech/jobsy/task"
)

const (
	maxForm = 16 << 10 // bytes
	maxName = 200      // bytes
)

// accepted is the answer to a program that enqueued a letter.
type accepted struct {
	ID   string `json:"id"`
	Page string `json:"page"` // where to follow it
}

// enqueue takes a letter and answers before it is sent: 202 with the task's id
// to a program, and to a browser the way to the page that follows it.
func (s *site) enqueue(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	l, err := readLetter(r)
	if err != nil {
		s.fail(w, http.StatusBadRequest, err.Error())
		return
	}
	t := letters.New(l)
	if err := s.client.Enqueue(r.Context(), t); err != nil {
		s.refuse(w, err)
		return
	}
	page := "/tasks/" + t.ID.String()
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, page, http.StatusSeeOther)
		return
	}
	w.Header().Set("Location", page)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	json.NewEncoder(w).Encode(accepted{ID: t.ID.String(), Page: page})
}

func readLetter(r *http.Request) (letter, error) {
	if err := r.ParseForm(); err != nil {
		return letter{}, errors.New("the form cannot be read")
	}
	l := letter{To: strings.TrimSpace(r.PostForm.Get("to")), Trouble: trouble(r.PostForm.Get("trouble"))}
	switch {
	case l.To == "":
		return l, errors.New("a letter needs somebody it goes to")
	case len(l.To) > maxName:
		return l, errors.New("the name is too long")
	case l.Trouble != noTrouble && l.Trouble != once && l.Trouble != forGood:
		return l, errors.New("the trouble must be empty, once or always")
	}
	return l, nil
}

// refuse says whether it is worth to try again.
func (s *site) refuse(w http.ResponseWriter, err error) {
	s.log.Error("enqueue", "error", err)
	if errors.Is(err, task.ErrUnavailable) {
		w.Header().Set("Retry-After", "5")
		s.fail(w, http.StatusServiceUnavailable, "The letter could not be taken just now. Please try again.")
		return
	}
	s.fail(w, http.StatusInternalServerError, "The letter could not be taken.")
}
