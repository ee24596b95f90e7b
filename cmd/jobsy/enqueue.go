package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

// payload is what a task works on, given as text or in a file.
type payload struct {
	text, file string
	given      bool
}

func (p *payload) flags(c *cobra.Command) {
	c.Flags().StringVar(&p.text, "payload", "", "payload, as `TEXT`")
	c.Flags().StringVar(&p.file, "payload-file", "", "payload, as a `FILE`; - is the standard input")
}

// read returns the payload. It reads one byte more than may be at most, which the
// client then refuses.
func (p *payload) read(a *app, c *cobra.Command) ([]byte, error) {
	text, file := c.Flags().Changed("payload"), c.Flags().Changed("payload-file")
	if text && file {
		return nil, usagef("--payload must not be given together with --payload-file")
	}
	p.given = text || file
	in := a.in
	switch p.file {
	case "":
		return []byte(p.text), nil
	case "-":
	default:
		file, err := os.Open(p.file)
		if err != nil {
			return nil, fmt.Errorf("--payload-file must be readable: %w", err)
		}
		defer file.Close()
		in = file
	}
	content, err := io.ReadAll(io.LimitReader(in, jobsy.DefaultMaxPayload+1))
	if err != nil {
		return nil, fmt.Errorf("--payload-file must be readable: %w", err)
	}
	return content, nil
}

// order is a task as flags describe it.
type order struct {
	payload
	task                  task.Task
	id, at, deadline      string
	in                    time.Duration
	priority              int32
	headers               []string
	unique                string
	wait                  bool
	uniqueFor, uniqueMost time.Duration
}

func (a *app) enqueueCommand() *cobra.Command {
	var o order
	c := &cobra.Command{
		Use:   "enqueue NAME",
		Short: "Enqueue a task",
		Example: `  jobsy task enqueue email:welcome --payload '{"Name":"Ada"}'
  jobsy task enqueue report --queue slow --in 10m --max-retry 3
  jobsy task enqueue resize --payload-file - --wait < args.json`,
		Args: exactly("NAME"),
	}
	c.RunE = a.connected(func(ctx context.Context, s *session, args []string) error {
		t, err := o.build(a, c, args[0])
		if err != nil {
			return err
		}
		if err := s.tasks.Enqueue(ctx, t); err != nil {
			return err
		}
		if o.wait {
			return a.await(ctx, s, t)
		}
		if a.json {
			return a.printJSON(viewOf(t))
		}
		return a.say("%s", t.ID)
	})
	o.flags(c)
	a.queueFlag(c, &o.task.Queue, task.DefaultQueue, "`QUEUE` of the task")
	return c
}

func (o *order) flags(c *cobra.Command) {
	f := c.Flags()
	o.payload.flags(c)
	f.Int32Var(&o.priority, "priority", int32(task.MediumPriority), "1 (last) to 255 (first)")
	f.DurationVar(&o.in, "in", 0, "run it after this `DURATION`")
	f.StringVar(&o.at, "at", "", "run it at this `TIME`, as RFC 3339")
	f.IntVar(&o.task.MaxRetry, "max-retry", task.DefaultMaxRetry, "how often it is tried again; -1: never")
	f.DurationVar(&o.task.Timeout, "timeout", task.DefaultTimeout, "how long one attempt may take; -1ns: without a bound")
	f.StringVar(&o.deadline, "deadline", "", "no attempt starts after this `TIME`, as RFC 3339")
	f.DurationVar(&o.task.Retention, "retention", 0, "how long it stays readable once it has completed")
	f.StringArrayVar(&o.headers, "header", nil, "`KEY=VALUE` beside the payload; may be repeated")
	f.StringVar(&o.id, "id", "", "`UUID` of the task (default: a new one)")
	f.StringVar(&o.unique, "unique", "", "`MODE`: until-started, until-ended, throttle, debounce or latest")
	f.StringVar(&o.task.Unique.Key, "unique-key", "", "what tasks share that exclude each other (default: name and payload)")
	f.DurationVar(&o.uniqueFor, "unique-for", 0, "how long throttle and debounce last")
	f.DurationVar(&o.uniqueMost, "unique-limit", 0, "how long debounce may put it off at most")
	f.BoolVar(&o.wait, "wait", false, "wait until it has ended, and show it; fails if the task does (--retention is then at least 1m)")
}

// build makes the task.
func (o *order) build(a *app, c *cobra.Command, name string) (*task.Task, error) {
	t := o.task.Clone()
	t.Name, t.Priority = name, task.Priority(o.priority)
	t.Unique.For, t.Unique.Limit = o.uniqueFor, o.uniqueMost
	var errs [6]error
	t.ID, errs[0] = parseID(o.id)
	t.RunAt, errs[1] = parseTime("--at", o.at)
	t.Deadline, errs[2] = parseTime("--deadline", o.deadline)
	t.Headers, errs[3] = parseHeaders(o.headers)
	t.Unique.Mode, errs[4] = parseUnique(o.unique)
	t.Payload, errs[5] = o.read(a, c)
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	if o.in != 0 && o.at != "" {
		return nil, usagef("--in must not be given together with --at")
	}
	if o.in < 0 {
		return nil, usagef("--in must not be negative, got %s", o.in)
	}
	if o.wait { // it may end before the wait begins
		t.Retention = max(t.Retention, time.Minute)
	}
	if o.in > 0 {
		t.RunAt = time.Now().Add(o.in)
	}
	return t, nil
}

func parseID(text string) (uuid.UUID, error) {
	if text == "" {
		return uuid.NewV7()
	}
	id, err := uuid.Parse(text)
	if err != nil {
		return id, usagef("--id must be a UUID, got %q", text)
	}
	return id, nil
}

func parseTime(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, usagef("%s must be a time such as 2026-01-31T09:00:00Z, got %q", flag, text)
	}
	return at, nil
}

func parseHeaders(pairs []string) (map[string]string, error) {
	headers := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, usagef("--header must be KEY=VALUE, got %q", pair)
		}
		headers[key] = value
	}
	return headers, nil
}

func parseUnique(text string) (task.UniqueMode, error) {
	modes := map[string]task.UniqueMode{
		"": task.NotUnique, "until-started": task.UntilStarted, "until-ended": task.UntilEnded,
		"throttle": task.Throttle, "debounce": task.Debounce, "latest": task.Latest,
	}
	mode, ok := modes[text]
	if !ok {
		return mode, usagef("--unique must be until-started, until-ended, throttle, debounce or latest, got %q", text)
	}
	return mode, nil
}

// await shows a task once it has ended.
func (a *app) await(ctx context.Context, s *session, t *task.Task) error {
	ended, err := s.tasks.Wait(ctx, t)
	if ended == nil {
		return err
	}
	if a.json {
		return errors.Join(a.printJSON(fullViewOf(ended)), err)
	}
	_, printErr := io.WriteString(a.out, details(ended, time.Now()))
	return errors.Join(printErr, err)
}
