package task

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxName    = 255
	maxQueue   = 128
	maxHeaders = 64 << 10
	shown      = 40 // bytes of an offending value that an error quotes
)

// Times are kept as nanoseconds since 1970 in 64 bits, which end in 2262.
var (
	minTime = time.Unix(0, 0)
	maxTime = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
)

// check returns the first error, in the order of the fields.
func (t *Task) check() error {
	return cmp.Or(
		t.encodeErr(),
		CheckName("Name", t.Name),
		checkHeaders(t.Headers),
		CheckQueue("Queue", cmp.Or(t.Queue, DefaultQueue)),
		CheckPriority("Priority", t.Priority),
		CheckMaxRetry("MaxRetry", t.MaxRetry),
		CheckDuration("Timeout", t.Timeout),
		checkRetention(t.Retention),
		checkTime("RunAt", t.RunAt),
		checkTime("Deadline", t.Deadline),
		checkTime("EnqueuedAt", t.EnqueuedAt),
		t.Unique.check(),
		t.checkGather(),
	)
}

// CheckName returns a *FieldError unless name can name a task.
func CheckName(field, name string) error {
	if name == "" {
		return &FieldError{Field: field, Rule: "must not be empty"}
	}
	return checkText(field, name, maxName)
}

// CheckQueue returns a *FieldError unless name can name a queue.
func CheckQueue(field, name string) error {
	if name == DefaultQueue {
		return nil
	}
	if name == "" {
		return &FieldError{Field: field, Rule: "must not be empty"}
	}
	if strings.ContainsAny(name, "{}") {
		return &FieldError{field, "must not contain braces", quote(name)}
	}
	return checkText(field, name, maxQueue)
}

// CheckPriority returns a *FieldError unless p is a priority or zero.
func CheckPriority(field string, p Priority) error {
	if p < 0 || p > MaxPriority {
		return &FieldError{field, "must be 1 to 255, or 0 for the default", fmt.Sprint(int(p))}
	}
	return nil
}

// CheckMaxRetry returns a *FieldError unless n is a count of retries, zero
// for the default or -1 for none.
func CheckMaxRetry(field string, n int) error {
	if n < -1 || n > 1<<30 {
		return &FieldError{field, "must be 0 for the default, -1 for none, or a count up to 2^30", fmt.Sprint(n)}
	}
	return nil
}

// CheckDuration returns a *FieldError unless d is positive, zero for the
// default, or -1 for none.
func CheckDuration(field string, d time.Duration) error {
	if d < -1 {
		return &FieldError{field, "must be 0 for the default, -1 for none, or positive", d.String()}
	}
	return nil
}

func checkRetention(d time.Duration) error {
	if d < 0 {
		return &FieldError{"Retention", "must not be negative", d.String()}
	}
	return nil
}

func checkHeaders(headers map[string]string) error {
	size := 0
	for k, v := range headers {
		switch {
		case k == "":
			return &FieldError{Field: "Headers", Rule: "must not have an empty key"}
		case !utf8.ValidString(k) || !utf8.ValidString(v):
			return &FieldError{"Headers", "must be valid UTF-8", quote(k)}
		}
		size += len(k) + len(v)
	}
	if size > maxHeaders {
		return &FieldError{"Headers", fmt.Sprintf("must be at most %d bytes in all", maxHeaders), fmt.Sprint(size)}
	}
	return nil
}

func checkTime(field string, at time.Time) error {
	if !at.IsZero() && (at.Before(minTime) || at.After(maxTime)) {
		return &FieldError{field, "must be between 1970 and 2262", at.Format(time.RFC3339)}
	}
	return nil
}

func checkText(field, text string, limit int) error {
	switch {
	case len(text) > limit:
		return &FieldError{field, fmt.Sprintf("must be at most %d bytes", limit), fmt.Sprint(len(text))}
	case plain(text):
		return nil
	case !utf8.ValidString(text):
		return &FieldError{field, "must be valid UTF-8", quote(text)}
	case strings.ContainsFunc(text, unicode.IsControl):
		return &FieldError{field, "must not contain control characters", quote(text)}
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
