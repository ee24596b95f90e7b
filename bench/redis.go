package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

const (
	redisProgram  = "redis-server"
	redisPatience = 20 * time.Second // for a start or a stop
)

// redisServer is a server that bench has started, and a client to look into it.
type redisServer struct {
	addr    string
	dir     string
	process *process
	admin   *goredis.Client
}

// startRedis starts a server on a free loopback port that keeps nothing on disk,
// unless args, in the form of its command line, say otherwise.
func startRedis(ctx context.Context, args ...string) (*redisServer, error) {
	path, err := exec.LookPath(redisProgram)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "jobsy-bench-")
	if err != nil {
		return nil, err
	}
	s := &redisServer{dir: dir}
	for range 10 { // another process may take the port first
		if err = s.start(ctx, path, args); err == nil {
			return s, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("start %s: %w", redisProgram, err), os.RemoveAll(dir))
}

func (s *redisServer) start(ctx context.Context, path string, args []string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	line := append([]string{
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", s.dir,
		"--save", "", "--appendonly", "no", "--loglevel", "warning",
	}, args...)
	if s.process, err = startProcess(path, line...); err != nil {
		return err
	}
	s.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	s.admin = goredis.NewClient(&goredis.Options{Addr: s.addr, ReadTimeout: -1})
	if err := s.awaitReady(ctx); err != nil {
		return errors.Join(err, s.admin.Close(), s.process.stop(redisPatience))
	}
	return nil
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}

// awaitReady returns once the server answers, and is the one that was started.
func (s *redisServer) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, redisPatience)
	defer cancel()
	for {
		info, err := s.info(ctx)
		if err == nil {
			if pid := info.text["process_id"]; pid != strconv.Itoa(s.process.pid()) {
				return fmt.Errorf("process %s answers at %s", pid, s.addr)
			}
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-s.process.ended:
			return errors.New("it has ended")
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		}
	}
}

// stop ends the server and drops what it has kept.
func (s *redisServer) stop() {
	_ = s.admin.Close()
	_ = s.process.stop(redisPatience)
	_ = os.RemoveAll(s.dir)
}

// empty makes the server as good as new: no keys, no statistics, and an
// append-only file that says so.
func (s *redisServer) empty(ctx context.Context) error {
	for _, command := range [][]any{{"flushall", "sync"}, {"config", "resetstat"}} {
		if err := s.admin.Do(ctx, command...).Err(); err != nil {
			return fmt.Errorf("empty redis: %w", err)
		}
	}
	info, err := s.info(ctx)
	if err != nil || info.number("aof_enabled") == 0 {
		return err
	}
	if err := s.admin.BgRewriteAOF(ctx).Err(); err != nil {
		return fmt.Errorf("empty the append-only file: %w", err)
	}
	return s.until(ctx, func(i redisInfo) bool {
		return i.number("aof_rewrite_in_progress")+i.number("aof_rewrite_scheduled") == 0
	})
}

// until asks for INFO until it satisfies the condition.
func (s *redisServer) until(ctx context.Context, satisfied func(redisInfo) bool) error {
	for {
		info, err := s.info(ctx)
		if err != nil || satisfied(info) {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
