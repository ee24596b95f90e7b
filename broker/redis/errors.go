package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/task"
)

// wrap says what was being done, and marks an error that passes with time as
// task.ErrUnavailable.
func wrap(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, goredis.ErrClosed):
		return task.ErrClosed
	case unavailable(err):
		return fmt.Errorf("%s: %w: %w", doing, task.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// unavailable reports whether the server could not be reached, did not answer,
// or said that it cannot serve for now.
func unavailable(err error) bool {
	var network net.Error
	switch {
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, net.ErrClosed), errors.Is(err, goredis.ErrPoolTimeout), errors.Is(err, context.DeadlineExceeded):
		return true
	}
	return goredis.IsMaxClientsError(err) || slices.Contains(passing, code(err))
}

// passing are the codes of errors that pass with time: MOVED and ASK too, which
// a client has followed as often as it may while a Cluster changes.
var passing = []string{
	"LOADING", "READONLY", "CLUSTERDOWN", "TRYAGAIN", "MASTERDOWN", "NOREPLICAS", "OOM", "BUSY", "MISCONF", "MOVED", "ASK",
}

// code returns the first word of an error of the server. Before 7.0 that of a
// command in a script is hidden behind where it happened.
func code(err error) string {
	var said goredis.Error
	if !errors.As(err, &said) {
		return ""
	}
	text := said.Error()
	if strings.HasPrefix(text, "ERR Error running script") {
		_, text, _ = strings.Cut(text, ": -")
	}
	word, _, _ := strings.Cut(text, " ")
	return word
}

// all returns the same error for each of n elements.
func all(n int, err error) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}
