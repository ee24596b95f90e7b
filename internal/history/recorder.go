package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"
)

// Recorder writes what happens in one process, a line an event. It is safe for
// concurrent use, and several may share a file: each line is one write, so that a
// process that is killed leaves whole lines.
type Recorder struct {
	process string

	mu    sync.Mutex
	out   io.Writer
	calls int
	err   error
}

// New returns a Recorder of a process, whose name no other one has.
func New(out io.Writer, process string) *Recorder {
	return &Recorder{process: process, out: out}
}

// Open returns a Recorder that appends to a file. Close closes it.
func Open(path, process string) (*Recorder, error) {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	return New(file, process), nil
}

// Record writes events of one call. It sets their Process and Call, and Begin and
// End where they are zero. The first error is that of Close.
func (r *Recorder) Record(events ...Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	now := time.Now()
	var lines []byte
	for _, e := range events {
		e.Process, e.Call = r.process, r.calls
		if e.End.IsZero() {
			e.End = now
		}
		if e.Begin.IsZero() {
			e.Begin = e.End
		}
		line, err := json.Marshal(e)
		r.err = errors.Join(r.err, err)
		lines = append(append(lines, line...), '\n')
	}
	if _, err := r.out.Write(lines); err != nil && r.err == nil {
		r.err = err
	}
}

// Close returns the first error there was, and closes what Open has opened.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if file, ok := r.out.(*os.File); ok {
		r.err = errors.Join(r.err, file.Close())
	}
	return r.err
}

// Read returns the events of files, in the order in which they ended.
func Read(paths ...string) ([]Event, error) {
	var events []Event
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read history: %w", err)
		}
		found, err := Decode(file)
		if err = errors.Join(err, file.Close()); err != nil {
			return nil, fmt.Errorf("read history %s: %w", path, err)
		}
		events = append(events, found...)
	}
	sortByEnd(events)
	return events, nil
}

func sortByEnd(events []Event) {
	slices.SortStableFunc(events, func(a, b Event) int { return a.End.Compare(b.End) })
}

// Decode reads the lines of a history. A last one without its end is that of a
// process that was killed, and left out.
func Decode(in io.Reader) ([]Event, error) {
	var events []Event
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return events, nil
		}
		if err != nil {
			return events, err
		}
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			return events, fmt.Errorf("line %d: %w", len(events)+1, err)
		}
		events = append(events, e)
	}
}
