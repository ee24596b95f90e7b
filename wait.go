package jobsy

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// Wait blocks until the task, named by its Queue and ID, has ended, and returns
// it. It does not poll. The error is task.ErrFailed with the task's last error,
// or task.ErrCancelled, if the task has not completed; the task is returned then
// too. A task that one waits for stays readable for a minute after its end; who
// comes later finds it within its Retention, and then gets task.ErrNotFound.
func (c *Client) Wait(ctx context.Context, t *task.Task) (*task.Task, error) {
	notifier, err := optional[broker.Notifier](c)
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, errNilTask
	}
	ended, err := notifier.Wait(ctx, queueOf(t), t.ID)
	if err != nil {
		return nil, err
	}
	switch ended.Status {
	case task.StatusFailed:
		return ended, fmt.Errorf("%w: %s", task.ErrFailed, ended.LastError)
	case task.StatusCancelled:
		return ended, task.ErrCancelled
	}
	return ended, nil
}

// WaitResult is Client.Wait for a task whose handler was registered with
// HandleResult, and decodes its result. That there is none, or none of this type,
// is an error of its own.
func WaitResult[Result any](ctx context.Context, c *Client, t *task.Task) (Result, error) {
	var result Result
	ended, err := c.Wait(ctx, t)
	if err != nil {
		return result, err
	}
	if len(ended.Result) == 0 {
		return result, fmt.Errorf("task %s of %s has left no result", ended.ID, ended.Name)
	}
	if err := json.Unmarshal(ended.Result, &result); err != nil {
		return result, fmt.Errorf("decode result of %s: %w", ended.Name, err)
	}
	return result, nil
}
