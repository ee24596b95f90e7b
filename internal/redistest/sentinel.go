package redistest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
)

// watched is what the Sentinels call the primary.
const watched = "primary"

var errElsewhere = errors.New("the Sentinels do not name the primary yet")

// Sentinels are three Sentinels that watch a primary and its replica. Its
// methods may be called concurrently.
type Sentinels struct {
	servers   []*Server
	sentinels []*Server
	asking    []*goredis.Client // of the Sentinels
	reading   []*goredis.Client // of the servers
}

// StartSentinels starts a primary, its replica and the Sentinels, and returns
// once a failover is possible. The args are those of the two servers, as of
// Start.
func StartSentinels(t testing.TB, args ...string) *Sentinels {
	t.Helper()
	s := &Sentinels{}
	primary := Start(t, slices.Concat(quickSync, args)...)
	port := fmt.Sprint(primary.port)
	replica := Start(t, slices.Concat(quickSync, args, []string{"--replicaof", "127.0.0.1 " + port})...)
	s.servers = []*Server{primary, replica}
	for _, server := range s.servers {
		s.reading = append(s.reading, server.Client(t))
	}
	// A Sentinel asks a primary seldom which replicas it has.
	await(t, func(ctx context.Context) error { return inSync(ctx, s.reading[0], s.reading[1]) })
	for range 3 {
		sentinel := startSentinel(t, primary)
		s.sentinels, s.asking = append(s.sentinels, sentinel), append(s.asking, sentinel.Client(t))
	}
	await(t, s.acquainted)
	return s
}

func startSentinel(t testing.TB, primary *Server) *Server {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "sentinel.conf")
	lines := []string{
		fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d 2", watched, primary.port),
		"sentinel down-after-milliseconds " + watched + " 500",
		"sentinel failover-timeout " + watched + " 3000",
		"",
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return begin(t, &Server{path: find(t), dir: dir, sentinel: file})
}

// acquainted reports whether the Sentinels know each other and the replica.
func (s *Sentinels) acquainted(ctx context.Context) error {
	for _, sentinel := range s.asking {
		known := goredis.NewMapStringStringCmd(ctx, "sentinel", "master", watched)
		if err := sentinel.Process(ctx, known); err != nil {
			return err
		}
		others, replicas, state := known.Val()["num-other-sentinels"], known.Val()["num-slaves"], known.Val()["flags"]
		if others != "2" || replicas != "1" || state != "master" {
			return fmt.Errorf("a Sentinel knows %s others and %s replicas of a %s", others, replicas, state)
		}
	}
	return nil
}

// Name is what the Sentinels call the primary.
func (s *Sentinels) Name() string { return watched }

// Addrs returns host and port of each Sentinel.
func (s *Sentinels) Addrs() []string { return addrs(s.sentinels) }

// URL returns the addresses and the name as a redis+sentinel:// URL.
func (s *Sentinels) URL() string {
	return "redis+sentinel://" + strings.Join(s.Addrs(), ",") + "/" + watched
}

// Processes returns the Sentinels.
func (s *Sentinels) Processes() []*Server { return slices.Clone(s.sentinels) }

// Primary returns the server that all Sentinels name as the primary, and waits
// until they agree. One that was killed stays it until the failover.
func (s *Sentinels) Primary(t testing.TB) *Server {
	t.Helper()
	var primary *Server
	await(t, func(ctx context.Context) (err error) {
		primary, err = s.named(ctx)
		return err
	})
	return primary
}

// named returns the server that all Sentinels name.
func (s *Sentinels) named(ctx context.Context) (*Server, error) {
	named := ""
	for _, sentinel := range s.asking {
		cmd := goredis.NewStringSliceCmd(ctx, "sentinel", "get-master-addr-by-name", watched)
		if err := sentinel.Process(ctx, cmd); err != nil {
			return nil, err
		}
		addr := strings.Join(cmd.Val(), ":")
		if named != "" && addr != named {
			return nil, errElsewhere
		}
		named = addr
	}
	for _, server := range s.servers {
		if server.Addr() == named {
			return server, nil
		}
	}
	return nil, errElsewhere
}

// Replica returns the server that is not the primary.
func (s *Sentinels) Replica(t testing.TB) *Server {
	t.Helper()
	return s.servers[1-slices.Index(s.servers, s.Primary(t))]
}

// KillPrimary ends the primary as a crash would, and returns it.
func (s *Sentinels) KillPrimary(t testing.TB) *Server {
	t.Helper()
	primary := s.Primary(t)
	primary.Kill()
	return primary
}

// AwaitSync waits until the replica has what the primary has now.
func (s *Sentinels) AwaitSync(t testing.TB) {
	t.Helper()
	primary := slices.Index(s.servers, s.Primary(t))
	await(t, func(ctx context.Context) error { return inSync(ctx, s.reading[primary], s.reading[1-primary]) })
}

// AwaitFailover waits until all Sentinels name another primary than the former,
// and that serves as one. It returns the new one.
func (s *Sentinels) AwaitFailover(t testing.TB, former *Server) *Server {
	t.Helper()
	var now *Server
	await(t, func(ctx context.Context) (err error) {
		if now, err = s.named(ctx); err != nil {
			return err
		}
		if now == former {
			return errElsewhere
		}
		return isPrimary(ctx, s.reading[slices.Index(s.servers, now)])
	})
	return now
}

func isPrimary(ctx context.Context, client *goredis.Client) error {
	said, err := replication(ctx, client)
	if err == nil && said["role"] != "master" {
		err = fmt.Errorf("the server is a %s", said["role"])
	}
	return err
}

func addrs(servers []*Server) []string {
	var all []string
	for _, server := range servers {
		all = append(all, server.Addr())
	}
	return all
}
