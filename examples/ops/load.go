package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

type nothing struct{}

type letter struct {
	To      string `json:"to"`
	Subject string `json:"subject"`
	Order   int    `json:"order"`
}

type picture struct {
	Path   string `json:"path"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

// The tasks of the fleet.
var (
	welcome = task.Kind[letter]{Name: "email:welcome", Queue: "mail", MaxRetry: 2}
	receipt = task.Kind[letter]{Name: "email:receipt", Queue: "mail", MaxRetry: 2}
	resize  = task.Kind[picture]{Name: "image:resize", Queue: "media", MaxRetry: 1}
	sweep   = task.Kind[nothing]{Name: "sessions:sweep"}
	digest  = task.Kind[nothing]{Name: "email:digest"}
)

// handle registers what the servers do: take their time, and fail now and then.
func handle(s *jobsy.Server) {
	jobsy.Handle(s, welcome, func(ctx context.Context, l letter) error { return send(ctx, l, 0.05) })
	jobsy.Handle(s, receipt, func(ctx context.Context, l letter) error { return send(ctx, l, 0.2) })
	jobsy.Handle(s, sweep, func(ctx context.Context, _ nothing) error { return work(ctx, 200*time.Millisecond) })
	jobsy.Handle(s, digest, func(ctx context.Context, _ nothing) error { return work(ctx, time.Second) })
	jobsy.HandleResult(s, resize, draw)
}

func send(ctx context.Context, l letter, faulty float64) error {
	if err := work(ctx, time.Duration(10+rand.ExpFloat64()*60)*time.Millisecond); err != nil {
		return err
	}
	switch luck := rand.Float64(); {
	case luck < faulty/4:
		return jobsy.SkipRetry(fmt.Errorf("order %d: mailbox %q does not exist", l.Order, l.To))
	case luck < faulty:
		return fmt.Errorf("dial smtp 10.0.0.%d:25: connection refused", rand.IntN(4))
	}
	return nil
}

func draw(ctx context.Context, p picture) (string, error) {
	const steps = 8
	for i := range steps {
		if err := work(ctx, time.Duration(20+rand.IntN(120))*time.Millisecond); err != nil {
			return "", err
		}
		if err := jobsy.Progress(ctx, float64(i+1)/steps, fmt.Sprintf("row %d of %d", (i+1)*p.Height/steps, p.Height)); err != nil {
			return "", err
		}
	}
	if rand.IntN(12) == 0 {
		return "", errors.New("decode " + p.Path + ": unexpected EOF")
	}
	if rand.IntN(30) == 0 {
		panic("index out of range [3] with length 3")
	}
	return fmt.Sprintf("thumbs/%dx%d.png", p.Width, p.Height), nil
}

// work takes its time, unless it is told to stop.
func work(ctx context.Context, d time.Duration) error {
	done := time.NewTimer(d)
	defer done.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-done.C:
		return nil
	}
}

// load enqueues, a little at a time.
type load struct {
	client *jobsy.Client
	every  time.Duration
}

func (l *load) run(ctx context.Context) error {
	tick := time.NewTicker(l.every)
	defer tick.Stop()
	for n := 1; ; n++ {
		if err := l.client.Enqueue(ctx, l.next(n)); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (l *load) next(n int) *task.Task {
	names := []string{"ada", "grace", "alan", "edsger", "barbara"}
	to := letter{To: names[rand.IntN(len(names))] + "@example.com", Subject: "Your order", Order: n}
	var t *task.Task
	switch luck := rand.IntN(20); {
	case luck < 9:
		t = receipt.New(to)
	case luck < 16:
		t = welcome.New(to)
	default:
		t = resize.New(picture{Path: fmt.Sprintf("uploads/%06d.jpeg", n), Width: 320, Height: 240})
	}
	t.Retention = 10 * time.Minute
	if rand.IntN(15) == 0 {
		t.RunAt = time.Now().Add(time.Duration(rand.IntN(120)) * time.Second)
	}
	if rand.IntN(10) == 0 {
		t.Priority = task.HighPriority
	}
	return t
}
