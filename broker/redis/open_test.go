package redis

import (
	"errors"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/task"
)

func TestOpenSingle(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]goredis.Options{
		"redis://localhost":                      {Network: "tcp", Addr: "localhost:6379"},
		"redis://u:p@127.0.0.1:7000/3":           {Network: "tcp", Addr: "127.0.0.1:7000", Username: "u", Password: "p", DB: 3},
		"rediss://example.com:6380":              {Network: "tcp", Addr: "example.com:6380"},
		"unix:///run/redis.sock?db=2":            {Network: "unix", Addr: "/run/redis.sock", DB: 2},
		"redis://[::1]:6379/0?read_timeout=9s":   {Network: "tcp", Addr: "[::1]:6379", ReadTimeout: 9 * time.Second},
		"redis://localhost:6379?dial_timeout=2s": {Network: "tcp", Addr: "localhost:6379", DialTimeout: 2 * time.Second},
	} {
		b, err := Open(address, nil)
		if err != nil {
			t.Errorf("Open(%q): %v", address, err)
			continue
		}
		got := b.client.(*goredis.Client).Options()
		if got.Network != want.Network || got.Addr != want.Addr || got.Username != want.Username || got.Password != want.Password || got.DB != want.DB {
			t.Errorf("Open(%q) connects to %s %s db %d as %q", address, got.Network, got.Addr, got.DB, got.Username)
		}
		if want.ReadTimeout != 0 && got.ReadTimeout != want.ReadTimeout || want.DialTimeout != 0 && got.DialTimeout != want.DialTimeout {
			t.Errorf("Open(%q) ignores a parameter", address)
		}
		if (got.TLSConfig != nil) != strings.HasPrefix(address, "rediss") {
			t.Errorf("Open(%q): TLS is %t", address, got.TLSConfig != nil)
		}
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

func TestOpenSentinelAndCluster(t *testing.T) {
	t.Parallel()
	b, err := Open("redis+sentinel://u:p@h1:1,h2:2/main/4?sentinel_password=s", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if got := b.client.(*goredis.Client).Options(); got.Addr != "FailoverClient" || got.Username != "u" || got.Password != "p" || got.DB != 4 {
		t.Errorf("sentinel client connects to %s db %d as %q", got.Addr, got.DB, got.Username)
	}

	b, err = Open("rediss+cluster://u:p@h1:1,h2:2?pool_size=7", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	got := b.client.(*goredis.ClusterClient).Options()
	if strings.Join(got.Addrs, " ") != "h1:1 h2:2" || got.PoolSize != 7 || got.TLSConfig == nil || got.Password != "p" {
		t.Errorf("cluster client connects to %v, pool of %d", got.Addrs, got.PoolSize)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"", "localhost:6379", "http://localhost", "redis://", "redis://localhost/notadb", "redis://localhost?nonsense=1",
		"redis://%zz", "redis+sentinel://h:1", "redis+sentinel:///main", "redis+cluster://h:1/3", "redis+cluster://h:1,,h:2",
		"unix://", "redis://user:secret@host:notaport",
	} {
		b, err := Open(address, nil)
		var field *task.FieldError
		if !errors.As(err, &field) || field.Field != "address" || !errors.Is(err, task.ErrInvalid) {
			t.Errorf("Open(%q): %v, want a *task.FieldError for address", address, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("Open(%q): the error shows the password: %v", address, err)
		}
		if b != nil {
			t.Errorf("Open(%q) returned a broker", address)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for field, opts := range map[string]*Options{
		"Options.Prefix":   {Prefix: "a{b}"},
		"Options.IdlePoll": {IdlePoll: time.Millisecond},
	} {
		_, err := Open("redis://localhost", opts)
		var broken *task.FieldError
		if !errors.As(err, &broken) || broken.Field != field {
			t.Errorf("%+v: %v, want a *task.FieldError for %s", opts, err, field)
		}
	}
}
