package task

import "time"

// Run is one attempt of a task that has been answered for.
type Run struct {
	Attempt   int       // 1 is the first
	StartedAt time.Time // by the broker's clock
	EndedAt   time.Time // by the broker's clock
	Worker    string    // the server that ran it
	Error     string    // cut to 1 KiB; empty: the handler returned nil
	Stack     string    // of a panic, cut to 4 KiB
}

// Progress is how far a running task says it is.
type Progress struct {
	Fraction float64   // 0 to 1
	Text     string    // at most 256 bytes
	At       time.Time // when it was reported, by the worker's clock; zero: never
}
