package redis_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/task"
)

// A fleet differs from one process in one line: the broker.
func ExampleOpen() {
	server, err := miniredis.Run() // stands for a Redis server
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	b, err := redis.Open("redis://"+server.Addr(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer b.Close()
	ctx, cancel := context.WithCancel(context.Background())
	worker := jobsy.NewServer(b, &jobsy.ServerOptions{Queues: map[string]int{"default": 1, "mail": 3}})
	worker.HandleFunc("send", func(_ context.Context, t *task.Task) error {
		fmt.Printf("sending to %s\n", t.Payload)
		cancel()
		return nil
	})
	t := task.New("send", []byte("ada@example.com"))
	t.Queue = "mail"
	if err := jobsy.NewClient(b, nil).Enqueue(ctx, t); err != nil {
		fmt.Println(err)
	}
	fmt.Println(worker.Run(ctx))
	// Output:
	// sending to ada@example.com
	// <nil>
}

// An address that is none is refused with the rule.
func ExampleOpen_refused() {
	_, err := redis.Open("localhost:6379", nil)
	fmt.Println(err)
	fmt.Println(errors.Is(err, task.ErrInvalid))
	// Output:
	// address must be a redis, rediss, unix, redis+sentinel or redis+cluster URL, got another scheme, or none
	// true
}

// New takes a client that the program has, and a prefix keeps applications apart.
func ExampleNew() {
	server, err := miniredis.Run()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client := goredis.NewClient(&goredis.Options{Addr: server.Addr(), ContextTimeoutEnabled: true})
	defer client.Close()

	b := redis.New(client, &redis.Options{Prefix: "shop"})
	defer b.Close()
	err = jobsy.NewClient(b, nil).Enqueue(context.Background(), task.New("work", nil))
	counts, _ := b.Counts(context.Background(), "default")
	fmt.Println(err, counts)
	fmt.Println(server.Exists("shop:{default}:pending"))
	// Output:
	// <nil> map[pending:1]
	// true
}
