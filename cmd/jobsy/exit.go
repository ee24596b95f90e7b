package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nex-gen-tech/jobsy/task"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a command that was not called as it should be.
type usageError struct{ error }

// Unwrap lets errors.Is and errors.As see through it.
func (e *usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// errReported is for what failed and was already said.
var errReported = errors.New("reported")

// exit prints an error and returns the code to exit with.
func (a *app) exit(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errReported):
		return exitFailed
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(a.err, "jobsy: interrupted")
		return exitFailed
	}
	fmt.Fprintln(a.err, "jobsy: "+escaped(spelled(err)))
	var usage *usageError
	if errors.As(err, &usage) || errors.Is(err, task.ErrInvalid) {
		return exitUsage
	}
	return exitFailed
}

// spelled is the message of an error, with the flag that was meant in place of
// the field that the library names.
func spelled(err error) string {
	message := err.Error()
	var field *task.FieldError
	if !errors.As(err, &field) {
		return message
	}
	flag, known := flagOf()[field.Field]
	if !known {
		return message
	}
	own := field.Error()
	return strings.Replace(message, own, flag+strings.TrimPrefix(own, field.Field), 1)
}

func flagOf() map[string]string {
	return map[string]string{
		"Queue": "--queue", "Name": "NAME", "Payload": "--payload", "Priority": "--priority", "RunAt": "--at",
		"MaxRetry": "--max-retry", "Timeout": "--timeout", "Deadline": "--deadline", "Retention": "--retention",
		"Headers": "--header", "Unique": "--unique", "Unique.Mode": "--unique", "Unique.Key": "--unique-key",
		"Unique.For": "--unique-for", "Unique.Limit": "--unique-limit",
		"Options.Prefix": "--prefix", "limit": "--limit", "cursor": "--cursor", "perSecond": "--paced",
		"ServerOptions.Concurrency": "--concurrency",
	}
}
