package dashboard

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

// Role is what a user may do.
type Role int

// The roles. Whoever has none of these gets 403 for every page.
const (
	Reader   Role = 1 + iota // sees everything, changes nothing
	Operator                 // changes things as well
)

// Options are what a dashboard can be told. The zero value of each field is its
// default.
type Options struct {
	// Authenticate says who sends a request, and whether they are let in; the
	// name goes into the audit log. It is asked for every request, assets and
	// streams included. Default: everyone is let in, as "anonymous".
	Authenticate func(*http.Request) (user string, ok bool)
	// Unauthorized answers those who are not let in, with a redirect to a login
	// perhaps. Default: 401.
	Unauthorized http.Handler
	// Role says what a user may do. Default: with Authenticate, all are
	// Operators; without, all are Readers.
	Role func(r *http.Request, user string) Role
	// Redact is given each task before anything of it is shown or searched. It
	// may change all of it, for instance drop its Payload: the task is a copy.
	// The fingerprints by which failed tasks are grouped are taken before.
	// Default: everything is shown.
	Redact func(*task.Task)
	// Logger gets a line for each change, done or refused: who, what, which and
	// the outcome. Default: slog.Default().
	Logger *slog.Logger
	// Interval is how often the broker is asked for what open pages show, 100ms
	// at least. All who look at one page share one poll. Default: 2 seconds.
	Interval time.Duration
	// MaxStreams bounds how many pages are kept up to date at once, 1 to
	// 10,000; others stay as they were loaded. Default: 100.
	MaxStreams int
}

// withDefaults returns the options with nothing left to default.
func (o *Options) withDefaults() Options {
	var all Options
	if o != nil {
		all = *o
	}
	if all.Role == nil {
		role := Reader
		if all.Authenticate != nil {
			role = Operator
		}
		all.Role = func(*http.Request, string) Role { return role }
	}
	if all.Authenticate == nil {
		all.Authenticate = func(*http.Request) (string, bool) { return "anonymous", true }
	}
	if all.Redact == nil {
		all.Redact = func(*task.Task) {}
	}
	if all.Logger == nil {
		all.Logger = slog.Default()
	}
	if all.Interval == 0 {
		all.Interval = 2 * time.Second
	}
	if all.MaxStreams == 0 {
		all.MaxStreams = 100
	}
	all.Interval = max(all.Interval, 100*time.Millisecond)
	all.MaxStreams = min(max(all.MaxStreams, 1), 10_000)
	return all
}
