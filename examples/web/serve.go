package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nex-gen-tech/jobsy"
)

// serve runs the site and the workers until ctx ends. The site goes first, so
// that nobody is promised what no worker will run. Then the workers finish what
// they have begun. What they have not begun stays in Redis; in memory, it is
// lost with the process.
func serve(ctx context.Context, listener net.Listener, handler http.Handler, server *jobsy.Server) error {
	web := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       time.Minute,
	}
	working, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	group, serving := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Run(working) })
	group.Go(func() error {
		if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		defer stopWork()
		<-serving.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return web.Shutdown(grace)
	})
	return group.Wait()
}
