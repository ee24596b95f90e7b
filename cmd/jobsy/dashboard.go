package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy/dashboard"
)

const (
	headerTime = 10 * time.Second // a client may take to send its headers
	farewell   = time.Second      // requests, whose context has ended, may take to return
)

// site is where the dashboard is served.
type site struct {
	address         string
	operate, unsafe bool
}

func (a *app) dashboardCommand() *cobra.Command {
	var w site
	c := &cobra.Command{
		Use:   "dashboard",
		Short: "Serve the dashboard on this machine, until ctrl-c",
		Long: `Serve the dashboard on this machine, until ctrl-c. There is no login: whoever reaches it
sees every task with its payload and, with --operate, can change and delete tasks. So it
listens on a loopback address, and answers only to names of it, or a page of any site
could read it through a name that leads here.`,
		Example: `  jobsy dashboard
  jobsy dashboard --listen 127.0.0.1:9000 --operate`,
		Args: exactly(),
		RunE: a.connected(func(ctx context.Context, s *session, _ []string) error {
			if err := w.check(); err != nil {
				return err
			}
			return a.serve(ctx, s, &w)
		}),
	}
	f := c.Flags()
	f.StringVar(&w.address, "listen", "127.0.0.1:8080", "`HOST:PORT` to listen on; port 0: any")
	f.BoolVar(&w.operate, "operate", false, "let everyone who reaches it change tasks, not only look")
	f.BoolVar(&w.unsafe, "unsafe-bind", false, "listen on an address that others can reach: they see all payloads, without a login")
	return c
}

// check refuses to listen where others could.
func (w *site) check() error {
	host, port, err := net.SplitHostPort(w.address)
	if err != nil || port == "" {
		return usagef("--listen must be HOST:PORT, got %q", w.address)
	}
	if !w.unsafe && !loopback(host) {
		return usagef("--listen must be a loopback address, got %q: others who reach it would see every payload, without a login;"+
			" --unsafe-bind accepts that", w.address)
	}
	return nil
}

// loopback reports whether a host is this machine alone.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// serve serves the dashboard until the context ends.
func (a *app) serve(ctx context.Context, s *session, w *site) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", w.address)
	if err != nil {
		return fmt.Errorf("--listen must be an address that is free: %w", err)
	}
	server := &http.Server{
		Handler:           w.handler(a, s),
		ReadHeaderTimeout: headerTime,
		BaseContext:       func(net.Listener) context.Context { return ctx }, // streams end with it
	}
	if err := a.announce("http://" + listener.Addr().String() + "/"); err != nil {
		return errors.Join(err, listener.Close())
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if server.Shutdown(last) != nil {
		_ = server.Close() // they had their time
	}
	<-ended
	return nil
}

func (a *app) announce(url string) error {
	if a.json {
		return a.printJSON(map[string]string{"url": url})
	}
	return a.say("the dashboard is on %s until ctrl-c", url)
}

func (w *site) handler(a *app, s *session) http.Handler {
	role := dashboard.Reader
	if w.operate {
		role = dashboard.Operator
	}
	pages := dashboard.New(s.broker, &dashboard.Options{
		Role:   func(*http.Request, string) dashboard.Role { return role },
		Logger: slog.New(slog.NewTextHandler(a.err, nil)), // it quotes what is hostile
	})
	if w.unsafe {
		return pages
	}
	return named(pages)
}

// named answers only to the names of this machine. A site can have its own name
// lead here, and its pages then count as of the same origin.
func named(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if !loopback(host) {
			http.Error(w, "this dashboard answers only to localhost", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
