package jobsy

import (
	"fmt"
	"strings"
)

// BatchError tells for which tasks a call has not done what it was asked.
// errors.Is and errors.As see through it.
type BatchError struct {
	Errs []error // one a task, in order; nil for a task that is done with
}

// Error counts the errors and quotes the first few.
func (e *BatchError) Error() string {
	const quoted = 3
	var text strings.Builder
	fmt.Fprintf(&text, "%d of %d tasks gave an error", countErrors(e.Errs), len(e.Errs))
	shown := 0
	for i, err := range e.Errs {
		if err == nil {
			continue
		}
		if shown == quoted {
			text.WriteString("; …")
			break
		}
		shown++
		fmt.Fprintf(&text, "; task %d: %v", i+1, err)
	}
	return text.String()
}

// Unwrap returns the errors that are not nil.
func (e *BatchError) Unwrap() []error {
	errs := make([]error, 0, len(e.Errs))
	for _, err := range e.Errs {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

func countErrors(errs []error) int {
	n := 0
	for _, err := range errs {
		if err != nil {
			n++
		}
	}
	return n
}

// numbered says which of several tasks is meant.
func numbered(err error, i, n int) error {
	if n == 1 {
		return err
	}
	return fmt.Errorf("task %d of %d: %w", i+1, n, err)
}

// joined returns nil, the error of the only task, or a *BatchError.
func joined(errs []error) error {
	switch {
	case countErrors(errs) == 0:
		return nil
	case len(errs) == 1:
		return errs[0]
	}
	return &BatchError{Errs: errs}
}
