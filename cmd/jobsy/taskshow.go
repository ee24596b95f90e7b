package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy/task"
)

func (a *app) taskShowCommand() *cobra.Command {
	var f finder
	c := &cobra.Command{
		Use:   "show ID",
		Short: "Show one task and its attempts",
		Long: `Show one task and its attempts. A payload that is text is shown as text, any other as
hex, both cut if they are long; --json has all of it, as "payload", whose
"payload_encoding" is utf-8 or base64.`,
		Example: "  jobsy task show 0192f0c1-0000-7000-8000-00000000002a",
		Args:    exactly("ID"),
		RunE: a.connected(func(ctx context.Context, s *session, args []string) error {
			t, err := f.find(ctx, s, args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(fullViewOf(t))
			}
			_, err = io.WriteString(a.out, details(t, time.Now()))
			return err
		}),
	}
	f.flag(a, c, anyQueue)
	return c
}

// sheet is named values, one a line; a value of several lines is indented.
type sheet struct{ strings.Builder }

func (s *sheet) add(name, value string) {
	if value == "" || value == "–" {
		return
	}
	fmt.Fprintf(s, "%-11s %s\n", name, strings.ReplaceAll(value, "\n", "\n"+strings.Repeat(" ", 12)))
}

func details(t *task.Task, now time.Time) string {
	var s sheet
	s.add("id", t.ID.String())
	s.add("name", shown(t.Name))
	s.add("queue", shown(t.Queue))
	s.add("status", string(t.Status))
	s.add("priority", numbered(int(t.Priority)))
	s.add("due", moment(t.RunAt, now))
	s.add("enqueued", moment(t.EnqueuedAt, now))
	s.add("started", moment(t.StartedAt, now))
	s.add("ended", moment(t.EndedAt, now))
	s.add("attempts", fmt.Sprintf("%d, and %s", t.Attempt, retries(t)))
	s.add("timeout", bound(t.Timeout))
	s.add("deadline", moment(t.Deadline, now))
	s.add("worker", shown(t.Worker))
	if t.Deliveries > 1 {
		s.add("deliveries", numbered(int(t.Deliveries)))
	}
	if !t.Progress.At.IsZero() {
		s.add("progress", fmt.Sprintf("%.0f %% %s, %s", t.Progress.Fraction*100, shown(t.Progress.Text), when(t.Progress.At, now)))
	}
	s.add("error", lines(cutText(t.LastError)))
	for _, key := range slices.Sorted(maps.Keys(t.Headers)) {
		s.add("header", shown(key)+": "+brief(t.Headers[key], 200))
	}
	s.add("payload", payloadText(t.Payload))
	s.add("result", payloadText(t.Result))
	for _, m := range t.Members {
		s.add("member", m.ID.String()+" "+brief(m.Name, 40))
	}
	for _, r := range t.History {
		s.add("attempt "+numbered(r.Attempt), attempt(&r, now))
	}
	return s.String()
}

func cutText(text string) string {
	if len(text) <= maxText {
		return text
	}
	return string(utf8Prefix([]byte(text[:maxText]))) + cutNote(len(text), maxText)
}

func retries(t *task.Task) string {
	if t.MaxRetry < 0 {
		return "no retries"
	}
	return "up to " + numbered(t.MaxRetry) + " retries"
}

func bound(d time.Duration) string {
	if d < 0 {
		return "none"
	}
	return span(d)
}

func attempt(r *task.Run, now time.Time) string {
	outcome := "ok"
	if r.Error != "" {
		outcome = escaped(r.Error)
	}
	text := fmt.Sprintf("%s, took %s, by %s: %s", when(r.EndedAt, now), span(r.EndedAt.Sub(r.StartedAt)), shown(r.Worker), outcome)
	if r.Stack != "" {
		text += "\n" + lines(r.Stack)
	}
	return text
}

// moment is a time, and how far from now it is.
func moment(at, now time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Local().Format("2006-01-02 15:04:05.000 MST") + " (" + when(at, now) + ")"
}
