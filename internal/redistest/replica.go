package redistest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"
)

// quickSync lets a replica have its copy at once; by default a primary waits
// for others that want one too.
var quickSync = []string{"--repl-diskless-sync-delay", "0"}

var errBehind = errors.New("the replica is not in sync")

// inSync reports whether a replica has all that its primary had when asked.
func inSync(ctx context.Context, primary, replica *goredis.Client) error {
	first, err := replication(ctx, primary)
	if err != nil {
		return err
	}
	second, err := replication(ctx, replica)
	if err != nil {
		return err
	}
	want, err := strconv.ParseInt(first["master_repl_offset"], 10, 64)
	if err != nil {
		return err
	}
	has, err := strconv.ParseInt(second["slave_repl_offset"], 10, 64)
	switch {
	case err != nil || second["master_link_status"] != "up":
		return fmt.Errorf("%w: its link is %q", errBehind, second["master_link_status"])
	case first["master_replid"] != second["master_replid"] || has < want:
		return fmt.Errorf("%w: it has %d of %d bytes", errBehind, has, want)
	}
	return nil
}

func replication(ctx context.Context, client *goredis.Client) (map[string]string, error) {
	text, err := client.Info(ctx, "replication").Result()
	return fields(text), err
}

// fields parses a reply of lines with a colon in each.
func fields(text string) map[string]string {
	values := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			values[name] = value
		}
	}
	return values
}
