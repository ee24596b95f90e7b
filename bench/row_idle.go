package main

import (
	"context"
	"errors"
	"time"
)

var idleRows = []row{
	{"k", "an idle server", []side{bareRedis, jobsyRedis, asynqRedis}, measureIdle},
}

// measureIdle watches a server with default settings that has nothing to do.
func measureIdle(ctx context.Context, t *trial) error {
	if t.side.open == nil {
		return t.watchIdle(ctx)
	}
	return t.fresh(ctx, func(lib library) error {
		c := newCheck(1, 1)
		stop, err := lib.serve(serving{}, c.handle)
		if err != nil {
			return err
		}
		err = lib.enqueue(ctx, []job{{payload: t.payloads(payloadSize).of(0)}})
		if err == nil {
			err = c.wait(ctx) // it has worked: the scripts are loaded, the connections made
		}
		if err == nil {
			err = t.watchIdle(ctx)
		}
		if err := errors.Join(err, stop()); err != nil {
			return err
		}
		return t.ranOnce(ctx, lib, c, 1)
	})
}

func (t *trial) watchIdle(ctx context.Context) error {
	if err := pause(ctx, min(2*time.Second, t.opts.idle)); err != nil {
		return err
	}
	s, err := t.during(ctx, func() error { return pause(ctx, t.opts.idle) })
	if err != nil {
		return err
	}
	t.record("idle, requests to Redis", perSecond, s.redis.requests()/s.seconds)
	t.record("idle, Redis commands, those inside scripts too", perSecond, s.redis.calls()/s.seconds)
	t.record("idle, CPU of Redis", "ms/s", s.redis.cpu()*1000/s.seconds)
	t.record("idle, CPU of the server's process", "ms/s", s.own*1000/s.seconds)
	return nil
}
