package redis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

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
	for _, passing := range []func(error) bool{
		goredis.IsLoadingError, goredis.IsReadOnlyError, goredis.IsClusterDownError, goredis.IsTryAgainError,
		goredis.IsMasterDownError, goredis.IsMaxClientsError, goredis.IsNoReplicasError, goredis.IsOOMError,
	} {
		if passing(err) {
			return true
		}
	}
	return false
}

// all returns the same error for each of n elements.
func all(n int, err error) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}
