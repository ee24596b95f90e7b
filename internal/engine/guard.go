package engine

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
)

// maxStack bounds the stack that is kept of a panic.
const maxStack = 8 << 10

// PanicError is a panic of a user's function.
type PanicError struct {
	value any
	stack []byte
}

// NewPanicError is called where a panic was recovered.
func NewPanicError(value any) *PanicError {
	stack := debug.Stack()
	return &PanicError{value, stack[:min(len(stack), maxStack)]}
}

// Error says what was panicked with.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// Format adds the stack for %+v.
func (e *PanicError) Format(f fmt.State, verb rune) {
	_, _ = io.WriteString(f, e.Error())
	if verb == 'v' && f.Flag('+') {
		_, _ = fmt.Fprintf(f, "\n\n%s", e.stack)
	}
}

var errGoexit = errors.New("handler called runtime.Goexit")

// guarded calls a user's function in a goroutine of its own and waits for it: so
// neither a panic nor runtime.Goexit in it ends what the server was about to do.
// It returns why the function has not returned, if it has not.
func guarded(call func()) error {
	done := make(chan error, 1)
	go func() {
		err := errors.New("runtime.Goexit was called")
		defer func() {
			if value := recover(); value != nil {
				err = NewPanicError(value)
			}
			done <- err
		}()
		call()
		err = nil
	}()
	return <-done
}
