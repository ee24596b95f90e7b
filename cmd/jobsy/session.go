package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/broker/redis"
)

const (
	defaultAddress = "redis://localhost:6379"
	// patience bounds the first answer of the broker; somebody waits for it.
	patience = 5 * time.Second
)

// session is a connection to the broker, and its clients.
type session struct {
	*admin.Client
	tasks  *jobsy.Client
	broker *redis.Broker
}

// connected makes a command of a function that needs the broker.
func (a *app) connected(do func(ctx context.Context, s *session, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		s, err := a.connect(c.Context())
		if err != nil {
			return err
		}
		defer s.broker.Close()
		return do(c.Context(), s, args)
	}
}

func (a *app) connect(ctx context.Context) (*session, error) {
	address, source := a.where()
	b, err := redis.Open(address, &redis.Options{Prefix: cmp.Or(a.prefix, a.getenv("JOBSY_PREFIX"))})
	if err != nil {
		return nil, &usageError{misplaced(err, source)}
	}
	first, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = b.Ping(first)
	if err == nil {
		return &session{admin.New(b, nil), jobsy.NewClient(b, nil), b}, nil
	}
	_ = b.Close()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, fmt.Errorf("%s %s must be a broker that answers: %w", source, redacted(address), err)
}

// misplaced says of a bad option where it was given.
func misplaced(err error, source string) error {
	if rule, ok := strings.CutPrefix(err.Error(), "address "); ok {
		return fmt.Errorf("%s %s", source, rule)
	}
	return err // exit names its flag
}

// where returns the broker's address and who gave it.
func (a *app) where() (address, source string) {
	if a.address != "" {
		return a.address, "--broker"
	}
	if address = a.getenv("JOBSY_BROKER"); address != "" {
		return address, "JOBSY_BROKER"
	}
	return defaultAddress, "--broker"
}

// redacted is an address without what may be secret in it.
func redacted(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "URL"
	}
	u.RawQuery = "" // sentinel_password
	return u.Redacted()
}
