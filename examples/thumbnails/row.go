package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// row is what became of one picture.
type row struct {
	job
	ended *task.Task // as the broker has it at the end
}

func readRows(ctx context.Context, look broker.Inspector, jobs []job) ([]row, error) {
	rows := make([]row, 0, len(jobs))
	for _, j := range jobs {
		t, err := look.Task(ctx, j.task.Queue, j.task.ID)
		if err != nil {
			return nil, fmt.Errorf("look up a task: %w", err)
		}
		rows = append(rows, row{j, t})
	}
	return rows, nil
}

// What can become of a picture.
const (
	resultOK      = "ok"
	resultRetried = "retried" // and then ok
	resultFailed  = "failed"
	resultLeft    = "left" // the run was interrupted
)

func (r row) result() string {
	switch {
	case !r.ended.Status.Ended():
		return resultLeft
	case r.ended.Status != task.StatusCompleted:
		return resultFailed
	case r.ended.Attempt > 1:
		return resultRetried
	}
	return resultOK
}

func (r row) took() string {
	if r.result() == resultLeft {
		return "–"
	}
	return r.ended.EndedAt.Sub(r.ended.StartedAt).Round(100 * time.Microsecond).String()
}

func (r row) sizes() (before, after string) {
	before, after = fileSize(r.picture.path), "–"
	if r.ended.Status == task.StatusCompleted {
		after = fileSize(r.target)
	}
	return before, after
}

// title is the picture's name, with what went wrong.
func (r row) title() string {
	name, reason := oneLine(r.picture.name), oneLine(r.ended.LastError)
	switch {
	case reason == "":
		return name
	case r.result() == resultRetried:
		return name + ": ok after " + reason
	}
	return name + ": " + reason
}

// oneLine keeps a text within its row.
func oneLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, line)
}

func fileSize(path string) string {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "–"
	case info.Size() < 1000:
		return fmt.Sprintf("%d B", info.Size())
	case info.Size() < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(info.Size())/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(info.Size())/1e6)
}
