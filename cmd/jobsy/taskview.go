package main

import (
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

// taskView is a task for programs, as listings have it.
type taskView struct {
	ID           string     `json:"id"`
	Queue        string     `json:"queue"`
	Name         string     `json:"name"`
	Status       string     `json:"status"`
	Priority     int        `json:"priority"`
	RunAt        *time.Time `json:"run_at"`
	EnqueuedAt   *time.Time `json:"enqueued_at"`
	StartedAt    *time.Time `json:"started_at"`
	EndedAt      *time.Time `json:"ended_at"`
	Attempt      int        `json:"attempt"`
	MaxRetry     int        `json:"max_retry"`
	LastError    string     `json:"last_error"`
	Worker       string     `json:"worker"`
	PayloadBytes int        `json:"payload_bytes"`
}

// fullView is a task for programs with all that is known of it.
type fullView struct {
	taskView
	Payload         string            `json:"payload"`
	PayloadEncoding string            `json:"payload_encoding"`
	Result          string            `json:"result"`
	ResultEncoding  string            `json:"result_encoding"`
	Headers         map[string]string `json:"headers"`
	TimeoutMS       int64             `json:"timeout_ms"` // -1: none
	Deadline        *time.Time        `json:"deadline"`
	RetentionMS     int64             `json:"retention_ms"`
	Deliveries      int               `json:"deliveries"`
	Token           int64             `json:"token"`
	Progress        *progressView     `json:"progress"`
	History         []runView         `json:"history"`
	Members         []memberView      `json:"members"`
}

type progressView struct {
	Fraction float64    `json:"fraction"`
	Text     string     `json:"text"`
	At       *time.Time `json:"at"`
}

type runView struct {
	Attempt   int        `json:"attempt"`
	StartedAt *time.Time `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
	Worker    string     `json:"worker"`
	Error     string     `json:"error"`
	Stack     string     `json:"stack"`
}

type memberView struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	EnqueuedAt *time.Time `json:"enqueued_at"`
}

func viewOf(t *task.Task) taskView {
	return taskView{
		ID: t.ID.String(), Queue: t.Queue, Name: t.Name, Status: string(t.Status), Priority: int(t.Priority),
		RunAt: stamp(t.RunAt), EnqueuedAt: stamp(t.EnqueuedAt), StartedAt: stamp(t.StartedAt), EndedAt: stamp(t.EndedAt),
		Attempt: t.Attempt, MaxRetry: t.MaxRetry, LastError: t.LastError, Worker: t.Worker, PayloadBytes: len(t.Payload),
	}
}

func fullViewOf(t *task.Task) fullView {
	v := fullView{
		taskView: viewOf(t), Headers: t.Headers, TimeoutMS: t.Timeout.Milliseconds(), Deadline: stamp(t.Deadline),
		RetentionMS: t.Retention.Milliseconds(), Deliveries: int(t.Deliveries), Token: t.Token,
		History: []runView{}, Members: []memberView{},
	}
	if t.Timeout < 0 {
		v.TimeoutMS = -1
	}
	if v.Headers == nil {
		v.Headers = map[string]string{}
	}
	v.Payload, v.PayloadEncoding = encodedPayload(t.Payload)
	v.Result, v.ResultEncoding = encodedPayload(t.Result)
	if !t.Progress.At.IsZero() {
		v.Progress = &progressView{t.Progress.Fraction, t.Progress.Text, stamp(t.Progress.At)}
	}
	for _, r := range t.History {
		v.History = append(v.History, runView{r.Attempt, stamp(r.StartedAt), stamp(r.EndedAt), r.Worker, r.Error, r.Stack})
	}
	for _, m := range t.Members {
		v.Members = append(v.Members, memberView{m.ID.String(), m.Name, stamp(m.EnqueuedAt)})
	}
	return v
}
