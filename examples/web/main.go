// Web enqueues a task for each form it is sent, answers at once, and shows a
// page to follow the task by:
//
//	go run ./examples/web
//
// Then open http://127.0.0.1:8080, or enqueue without a browser:
//
//	curl -i -d to=Ada http://127.0.0.1:8080/letters
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nex-gen-tech/jobsy"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "web:", err)
	}
	os.Exit(exitCode(err))
}

func exitCode(err error) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	}
	return 1
}

// run is the program without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	opts, err := parseOptions(args, stdout)
	if err != nil {
		return err
	}
	store, err := openStore(ctx, opts.broker)
	if err != nil {
		return err
	}
	defer store.Close()
	listener, err := net.Listen("tcp", opts.addr)
	if err != nil {
		return err
	}

	log := slog.New(slog.NewTextHandler(stderr, nil))
	server := newServer(store, opts.work, log)
	site := &site{client: server.Client(), look: store, log: log}
	fmt.Fprintf(stdout, "Listening on http://%s\n", listener.Addr())
	return serve(ctx, listener, site.handler(), server)
}

func newServer(s store, work time.Duration, log *slog.Logger) *jobsy.Server {
	server := jobsy.NewServer(s, &jobsy.ServerOptions{Queues: map[string]int{queue: 1}, Logger: log})
	jobsy.Handle(server, letters, sender(work))
	return server
}
