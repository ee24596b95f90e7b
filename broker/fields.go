package broker

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nex-gen-tech/jobsy/task"
)

const (
	maxName  = 255
	maxQueue = 128
	shown    = 40 // bytes of an offending value that an error quotes
)

// CheckName returns a *task.FieldError unless name can name a task.
func CheckName(field, name string) error {
	if name == "" {
		return &task.FieldError{Field: field, Rule: "must not be empty"}
	}
	return checkText(field, name, maxName)
}

// CheckQueue returns a *task.FieldError unless name can name a queue.
func CheckQueue(field, name string) error {
	if name == task.DefaultQueue {
		return nil
	}
	if name == "" {
		return &task.FieldError{Field: field, Rule: "must not be empty"}
	}
	if strings.ContainsAny(name, "{}") {
		return &task.FieldError{Field: field, Rule: "must not contain braces", Value: quote(name)}
	}
	return checkText(field, name, maxQueue)
}

// CheckPriority returns a *task.FieldError unless p is a priority or zero.
func CheckPriority(field string, p task.Priority) error {
	if p < 0 || p > task.MaxPriority {
		return &task.FieldError{Field: field, Rule: "must be 1 to 255, or 0 for the default", Value: fmt.Sprint(int(p))}
	}
	return nil
}

// CheckMaxRetry returns a *task.FieldError unless n is a count of retries, zero
// for the default or -1 for none.
func CheckMaxRetry(field string, n int) error {
	if n < -1 || n > 1<<30 {
		return &task.FieldError{Field: field, Rule: "must be 0 for the default, -1 for none, or a count up to 2^30", Value: fmt.Sprint(n)}
	}
	return nil
}

// CheckDuration returns a *task.FieldError unless d is positive, zero for the
// default, or -1 for none.
func CheckDuration(field string, d time.Duration) error {
	if d < -1 {
		return &task.FieldError{Field: field, Rule: "must be 0 for the default, -1 for none, or positive", Value: d.String()}
	}
	return nil
}

func checkText(field, text string, limit int) error {
	switch {
	case len(text) > limit:
		return &task.FieldError{Field: field, Rule: fmt.Sprintf("must be at most %d bytes", limit), Value: fmt.Sprint(len(text))}
	case plain(text):
		return nil
	case !utf8.ValidString(text):
		return &task.FieldError{Field: field, Rule: "must be valid UTF-8", Value: quote(text)}
	case strings.ContainsFunc(text, unicode.IsControl):
		return &task.FieldError{Field: field, Rule: "must not contain control characters", Value: quote(text)}
	}
	return nil
}

// plain reports whether the text is of printable ASCII, as most are: that is
// quickly seen.
func plain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

func quote(text string) string {
	if len(text) > shown {
		return fmt.Sprintf("%q…", text[:shown])
	}
	return fmt.Sprintf("%q", text)
}
