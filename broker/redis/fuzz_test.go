package redis

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/nex-gen-tech/jobsy/task"
)

// An address is taken or refused as a field, and its password is never shown.
func FuzzOpen(f *testing.F) {
	for _, address := range []string{
		"redis://host:6379", "rediss://user:hidden-word@host/1?pool_size=3", "unix:///run/redis.sock?db=0",
		"redis+sentinel://:hidden-word@a:1,b:2/name/3?sentinel_password=hidden-word", "redis+cluster://a:1,b:2", "",
		"http://host", "redis://host:port", "redis://h/%zz", "redis+sentinel:///", "redis+cluster://,", "redis://h?read_timeout=x",
	} {
		f.Add(address)
	}
	f.Fuzz(func(t *testing.T, address string) {
		b, err := Open(address, nil)
		if err == nil {
			if err := b.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			return
		}
		var field *task.FieldError
		if !errors.As(err, &field) {
			t.Errorf("Open(%q): %v, want a *task.FieldError", address, err)
		}
		if strings.Contains(err.Error(), "hidden-word") {
			t.Errorf("Open(%q) shows the password: %v", address, err)
		}
	})
}

// Whatever a script or something in its place answers is read or refused.
func FuzzReplies(f *testing.F) {
	for _, reply := range []string{
		`""`, `"1"`, `"1,2:id,3=id"`, `1`, `[1700000000000,-1,"",["x"]]`, `[1700000000000,5,"1","aaaaaaaaaaaaaaaaaaaaaa|1|5","record"]`,
		`[1,2]`, `null`, `["a",null]`, `"0x1,:"`, `[1,2,"9999999999999999999"]`,
	} {
		f.Add(reply)
	}
	f.Fuzz(func(t *testing.T, encoded string) {
		var reply any
		if json.Unmarshal([]byte(encoded), &reply) != nil {
			return
		}
		reply = asReply(reply)
		_, _ = remarks(reply)
		_, _ = integers(reply, 2)
		_, _ = integers(reply, 3)
		g, err := parseGrant(reply)
		if err != nil {
			return
		}
		for i := range g.members {
			if lease, err := g.lease(i, "default", "worker"); err == nil && lease.Task == nil {
				t.Errorf("a lease without a task of %q", encoded)
			}
		}
	})
}

// asReply has whole numbers as the client has them.
func asReply(value any) any {
	switch v := value.(type) {
	case float64:
		return int64(v)
	case []any:
		for i := range v {
			v[i] = asReply(v[i])
		}
	}
	return value
}
