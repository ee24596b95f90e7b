package main

import (
	"errors"
	"fmt"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

// maxErrors is how many errors of a change are told.
const maxErrors = 20

// tally is what became of the tasks of a change.
type tally struct {
	Changed int         `json:"changed"`
	Gone    int         `json:"gone"` // or moved on meanwhile; only of a change of many
	Failed  int         `json:"failed"`
	Errors  []taskError `json:"errors"` // the first few
}

type taskError struct {
	ID    string `json:"id"` // of a task or a group
	Error string `json:"error"`
}

// add counts what became of one task.
func (o *tally) add(id string, err error) {
	if err == nil {
		o.Changed++
		return
	}
	o.Failed++
	if len(o.Errors) < maxErrors {
		o.Errors = append(o.Errors, taskError{id, err.Error()})
	}
}

// addAll counts what became of many, which may have moved on since they were
// looked for.
func (o *tally) addAll(tasks []*task.Task, err error) {
	errs := make([]error, len(tasks))
	var batch *jobsy.BatchError
	switch {
	case errors.As(err, &batch) && len(batch.Errs) == len(tasks):
		errs = batch.Errs
	case err != nil:
		for i := range errs {
			errs[i] = err
		}
	}
	for i, err := range errs {
		if errors.Is(err, task.ErrNotFound) || errors.Is(err, task.ErrRunning) || errors.Is(err, task.ErrEnded) {
			o.Gone++
			continue
		}
		o.add(tasks[i].ID.String(), err)
	}
}

// report prints what became of the tasks, and returns an error that says no more
// if anything failed.
func (a *app) report(o *tally, done string) error {
	if o.Errors == nil {
		o.Errors = []taskError{}
	}
	if a.json {
		if err := a.printJSON(o); err != nil {
			return err
		}
	} else if err := a.reportText(o, done); err != nil {
		return err
	}
	if o.Failed > 0 {
		return errReported
	}
	return nil
}

func (a *app) reportText(o *tally, done string) error {
	for _, e := range o.Errors {
		fmt.Fprintf(a.err, "jobsy: %s: %s\n", shown(e.ID), escaped(e.Error))
	}
	if more := o.Failed - len(o.Errors); more > 0 {
		fmt.Fprintf(a.err, "jobsy: and %s more\n", numbered(more))
	}
	text := counted(o.Changed, "task") + " " + done
	if o.Gone > 0 {
		text += ", " + numbered(o.Gone) + " had moved on or were gone"
	}
	return a.say("%s", text)
}

// counted is a number of things.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return numbered(n) + " " + what + "s"
}
