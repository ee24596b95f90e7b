package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/task"
)

const (
	defaultDurableTimeout = time.Second
	maxDurableTimeout     = 3 * time.Second // a client gives up on a reply soon after
)

// Durability says what has to have a task before Enqueue calls it taken. The zero
// value asks for the server alone, which answers from its memory.
//
// The call waits on the same connection, behind what it has written, and those
// that come meanwhile travel together. Ticks of schedules do not wait: each is
// tried again until it is recorded.
type Durability struct {
	// Replicas is how many replicas must have it, too. A failover may still choose
	// another one, unless that is all of them.
	Replicas int
	// Disk asks for the append-only files of the server, and of that many Replicas,
	// to have reached the disk. It needs Redis 7.2 and appendonly yes.
	Disk bool
	// Timeout is how long Enqueue waits for them. At most 3 seconds. Default: one
	// second.
	Timeout time.Duration
}

func (d *Durability) asked() bool { return d.Replicas > 0 || d.Disk }

func (d *Durability) check() error {
	if d.Replicas < 0 {
		return &task.FieldError{Field: "Options.Durability.Replicas", Rule: "must not be negative", Value: fmt.Sprint(d.Replicas)}
	}
	if d.Timeout < 0 || d.Timeout > maxDurableTimeout {
		return &task.FieldError{Field: "Options.Durability.Timeout", Rule: "must be at most 3s, or 0 for the default", Value: d.Timeout.String()}
	}
	return nil
}

// wait asks, behind the writes of a pipeline, whether they are where they must be.
func (d *Durability) wait(ctx context.Context, p goredis.Pipeliner) *goredis.Cmd {
	timeout := orDefault(d.Timeout, defaultDurableTimeout).Milliseconds()
	if d.Disk {
		return p.Do(ctx, "WAITAOF", 1, d.Replicas, timeout)
	}
	return p.Do(ctx, "WAIT", d.Replicas, timeout)
}

// judge reads the answer: nil if all have followed in time.
func (d *Durability) judge(cmd *goredis.Cmd) error {
	reply, err := cmd.Result()
	switch {
	case err != nil && unavailable(err):
		return fmt.Errorf("%w: %w: %w", task.ErrNotDurable, task.ErrUnavailable, err)
	case err != nil: // a server before 7.2 has no WAITAOF, one without the file refuses it
		return fmt.Errorf("%w: %w", task.ErrNotDurable, err)
	}
	replicas, disk := reply, any(int64(1))
	if both, ok := reply.([]any); ok && len(both) == 2 {
		disk, replicas = both[0], both[1]
	}
	have, ok := replicas.(int64)
	switch {
	case !ok:
		return fmt.Errorf("unexpected reply of WAIT: %v", reply)
	case have < int64(d.Replicas):
		err = fmt.Errorf("%d of %d replicas have it", have, d.Replicas)
	case d.Disk && disk != int64(1):
		err = errors.New("it has not reached the disk of the server")
	default:
		return nil
	}
	return fmt.Errorf("%w: %w: %w", task.ErrNotDurable, task.ErrUnavailable, err)
}

// runDurably is runAll, and says for each call whether it is where it must be. One
// wait serves all calls to a server; on a Cluster each queue has a node of its own.
func (s script) runDurably(ctx context.Context, c goredis.UniversalClient, calls []scriptCall, also *naming, d *Durability) ([]*goredis.Cmd, []error) {
	if cluster, ok := c.(*goredis.ClusterClient); ok {
		return s.runOnNodes(ctx, cluster, calls, also, d)
	}
	return s.runAndWait(ctx, c, calls, also, d)
}

func (s script) runOnNodes(ctx context.Context, cluster *goredis.ClusterClient, calls []scriptCall, also *naming, d *Durability) (cmds []*goredis.Cmd, late []error) {
	for _, call := range calls {
		one, waited := s.runOnNode(ctx, cluster, call, d)
		cmds, late = append(cmds, one), append(late, waited)
	}
	if also != nil {
		_, _ = cluster.Pipelined(ctx, func(p goredis.Pipeliner) error { also.send(p); return nil })
		also.note()
	}
	return cmds, late
}

// runOnNode makes a call to the node that has its keys.
func (s script) runOnNode(ctx context.Context, cluster *goredis.ClusterClient, call scriptCall, d *Durability) (*goredis.Cmd, error) {
	node, err := cluster.MasterForKey(ctx, call.keys[0])
	if err != nil {
		cmd := goredis.NewCmd(ctx)
		cmd.SetErr(err)
		return cmd, nil
	}
	cmds, late := s.runAndWait(ctx, node, []scriptCall{call}, nil, d)
	if code(cmds[0].Err()) == "MOVED" {
		cluster.ReloadState(ctx)
	}
	return cmds[0], late[0]
}

// runAndWait makes calls and waits behind them, on one connection.
func (s script) runAndWait(ctx context.Context, c goredis.UniversalClient, calls []scriptCall, also *naming, d *Durability) ([]*goredis.Cmd, []error) {
	cmds, wait := d.pipeline(ctx, c, calls, also, func(p goredis.Pipeliner, call scriptCall) *goredis.Cmd {
		return p.EvalSha(ctx, s.digest, call.keys, call.args...)
	})
	if slices.ContainsFunc(cmds, func(cmd *goredis.Cmd) bool { return goredis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") }) {
		cmds, wait = d.pipeline(ctx, c, calls, nil, func(p goredis.Pipeliner, call scriptCall) *goredis.Cmd {
			return p.Eval(ctx, s.source, call.keys, call.args...) // those that were made are answered as before
		})
	}
	late := make([]error, len(calls))
	for i, cmd := range cmds {
		if cmd.Err() == nil {
			late[i] = d.judge(wait)
		}
	}
	return cmds, late
}

func (d *Durability) pipeline(ctx context.Context, c goredis.UniversalClient, calls []scriptCall, also *naming, send func(goredis.Pipeliner, scriptCall) *goredis.Cmd) (cmds []*goredis.Cmd, wait *goredis.Cmd) {
	// The error is that of the first command that failed, which has it too.
	_, _ = c.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for _, call := range calls {
			cmds = append(cmds, send(p, call))
		}
		if also != nil {
			also.send(p)
		}
		wait = d.wait(ctx, p)
		return nil
	})
	if also != nil {
		also.note()
	}
	return cmds, wait
}
