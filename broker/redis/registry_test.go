package redis_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

// interrupted is a client whose first pipeline does not reach the server.
type interrupted struct{ done bool }

func (i *interrupted) DialHook(next goredis.DialHook) goredis.DialHook          { return next }
func (i *interrupted) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook { return next }

func (i *interrupted) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		if i.done || cmds[0].Name() != "evalsha" {
			return next(ctx, cmds)
		}
		i.done = true
		err := errors.New("connection lost")
		for _, cmd := range cmds {
			cmd.SetErr(err)
		}
		return err
	}
}

// A queue whose first call failed is named by the next one.
func TestQueueIsNamedAfterAFailure(t *testing.T) {
	t.Parallel()
	client := goredis.NewClient(&goredis.Options{Addr: redistest.Start(t).Addr()})
	defer client.Close()
	client.AddHook(&interrupted{})
	b := redis.New(client, nil)
	defer b.Close()
	if errs := b.Enqueue(t.Context(), []*task.Task{task.New("first", nil)}); errs == nil {
		t.Fatal("the first call did not fail")
	}
	if errs := b.Enqueue(t.Context(), []*task.Task{task.New("second", nil)}); errs != nil {
		t.Fatal(errs)
	}
	names, err := b.Queues(t.Context())
	if err != nil || !slices.Equal(names, []string{task.DefaultQueue}) {
		t.Errorf("queues %v, %v, want the one that has a task", names, err)
	}
}
