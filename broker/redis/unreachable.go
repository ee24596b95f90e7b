package redis

import (
	"io"
	"net"
	"time"
)

// unreachableError says why a server could not be reached. To go-redis it is an
// end of file, as from a server that has just gone: it tries again, and does not
// cut the text down to its innermost cause.
type unreachableError struct{ why string }

func (e *unreachableError) Error() string        { return e.why }
func (e *unreachableError) Is(target error) bool { return target == io.EOF }

// unreachable is a connection to a server that could not be reached.
type unreachable struct{ err error }

func (u unreachable) Read([]byte) (int, error)         { return 0, u.err }
func (u unreachable) Write([]byte) (int, error)        { return 0, u.err }
func (u unreachable) Close() error                     { return nil }
func (u unreachable) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (u unreachable) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (u unreachable) SetDeadline(time.Time) error      { return nil }
func (u unreachable) SetReadDeadline(time.Time) error  { return nil }
func (u unreachable) SetWriteDeadline(time.Time) error { return nil }
