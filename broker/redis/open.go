package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/nex-gen-tech/jobsy/task"
)

// Open returns a broker on a connection pool of its own, which Close closes.
//
//	redis://user:password@host:6379/0            one server
//	rediss://host:6379                           the same over TLS
//	unix:///run/redis.sock?db=0                  the same over a socket
//	redis+sentinel://host:26379,host:26379/name  the primary that Sentinels name
//	redis+cluster://host:6379,host:6379          a Cluster
//
// rediss+sentinel and rediss+cluster are the same over TLS. User and password
// are those of Redis itself; sentinel_username and sentinel_password, as
// parameters, those of the Sentinels. After the name, a Sentinel URL may give a
// database: /name/0. Any other parameter sets the option of go-redis with that
// name: pool_size, dial_timeout, read_timeout, and so on.
//
// Open connects to nothing, so that a program can start while Redis is away;
// Ping tells whether it is there. An address that is none is a
// *task.FieldError.
func Open(address string, opts *Options) (*Broker, error) {
	client, err := dialer(address)
	if err != nil {
		return nil, &task.FieldError{
			Field: "address", Value: err.Error(),
			Rule: "must be a redis, rediss, unix, redis+sentinel or redis+cluster URL",
		}
	}
	b := New(client, opts)
	b.owned = true
	if b.optErr != nil {
		_ = b.Close()
		return nil, b.optErr
	}
	return b, nil
}

func dialer(address string) (goredis.UniversalClient, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, scrub(err)
	}
	switch u.Scheme {
	case "redis", "rediss", "unix":
		return singleClient(u)
	case "redis+sentinel", "rediss+sentinel":
		return sentinelClient(u)
	case "redis+cluster", "rediss+cluster":
		return clusterClient(u)
	}
	return nil, errors.New("another scheme, or none")
}

// scrub keeps what the address says out of an error: a part that could not be
// read may be a password, such as one without the @host that belongs behind it.
// Names of parameters are none.
func scrub(err error) error {
	text := err.Error()
	if _, names, ok := strings.Cut(text, "unexpected option: "); ok {
		return errors.New("unknown parameters: " + names)
	}
	if strings.HasPrefix(text, "redis: invalid URL path") {
		return errors.New("more in the path than a database")
	}
	if words := strings.Fields(text); len(words) > 3 && words[0] == "redis:" && words[1] == "invalid" {
		return fmt.Errorf("a %s that is no %s", words[2], strings.Trim(words[3], ":"))
	}
	for sign, means := range map[string]string{
		"invalid port":       "a port that is no number: is the @host behind a password missing?",
		"invalid URL escape": "a % that is no escape: in a password it is written %25",
	} {
		if strings.Contains(text, sign) {
			return errors.New(means)
		}
	}
	return errors.New("something else")
}

const defaultDialTimeout = 5 * time.Second

// noMaintenance keeps go-redis from asking for notifications that only a
// managed service sends.
func noMaintenance() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// dial returns a connection that fails, rather than an error, where nobody
// listens. go-redis stops dialling for up to a second after a number of dial
// errors, and writes each to its global log; a connection that fails it simply
// tries again.
func dial(timeout time.Duration, secure *tls.Config) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		dialer := &net.Dialer{Timeout: timeout, KeepAlive: 5 * time.Minute}
		var conn net.Conn
		var err error
		if secure == nil {
			conn, err = dialer.DialContext(ctx, network, address)
		} else {
			conn, err = (&tls.Dialer{NetDialer: dialer, Config: secure}).DialContext(ctx, network, address)
		}
		if err != nil {
			return unreachable{&unreachableError{err.Error()}}, nil
		}
		return conn, nil
	}
}

func singleClient(u *url.URL) (goredis.UniversalClient, error) {
	if u.Scheme != "unix" && u.Hostname() == "" {
		return nil, errors.New("no host")
	}
	opts, err := goredis.ParseURL(u.String())
	if err != nil {
		return nil, scrub(err)
	}
	opts.ContextTimeoutEnabled = true
	opts.MaintNotificationsConfig = noMaintenance()
	opts.Dialer = dial(orDefault(opts.DialTimeout, defaultDialTimeout), opts.TLSConfig)
	return goredis.NewClient(opts), nil
}

func sentinelClient(u *url.URL) (goredis.UniversalClient, error) {
	name, db, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if name == "" {
		return nil, errors.New("no name of a primary in the path")
	}
	query := u.Query()
	sentinelUser, sentinelPassword := query.Get("sentinel_username"), query.Get("sentinel_password")
	query.Del("sentinel_username")
	query.Del("sentinel_password")
	query.Set("master_name", name)
	plain, err := spread(u, query, "/"+db)
	if err != nil {
		return nil, err
	}
	opts, err := goredis.ParseFailoverURL(plain)
	if err != nil {
		return nil, scrub(err)
	}
	opts.Username = u.User.Username()
	opts.Password, _ = u.User.Password()
	opts.SentinelUsername, opts.SentinelPassword = sentinelUser, sentinelPassword
	opts.ContextTimeoutEnabled = true
	opts.Dialer = dial(orDefault(opts.DialTimeout, defaultDialTimeout), opts.TLSConfig)
	return goredis.NewFailoverClient(opts), nil
}

func clusterClient(u *url.URL) (goredis.UniversalClient, error) {
	if strings.Trim(u.Path, "/") != "" {
		return nil, errors.New("a path, but a Cluster has no databases")
	}
	plain, err := spread(u, u.Query(), "")
	if err != nil {
		return nil, err
	}
	opts, err := goredis.ParseClusterURL(plain)
	if err != nil {
		return nil, scrub(err)
	}
	opts.ContextTimeoutEnabled = true
	opts.MaintNotificationsConfig = noMaintenance()
	opts.Dialer = dial(orDefault(opts.DialTimeout, defaultDialTimeout), opts.TLSConfig)
	return goredis.NewClusterClient(opts), nil
}

// spread writes host,host,host as go-redis wants it: one host, and the others
// as addr parameters.
func spread(u *url.URL, query url.Values, path string) (string, error) {
	hosts := strings.Split(u.Host, ",")
	for _, host := range hosts {
		if host == "" || strings.HasPrefix(host, ":") {
			return "", errors.New("an empty host")
		}
	}
	for _, host := range hosts[1:] {
		query.Add("addr", host)
	}
	plain := url.URL{Scheme: strings.SplitN(u.Scheme, "+", 2)[0], User: u.User, Host: hosts[0], Path: path, RawQuery: query.Encode()}
	return plain.String(), nil
}
