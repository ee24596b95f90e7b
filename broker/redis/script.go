package redis

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/lua"
)

// script is called by its digest, and sent whole only to a server that does
// not know it: a new one, a restarted one, or one whose scripts were flushed.
type script struct {
	source, digest string
}

func newScript(source string) script {
	sum := sha1.Sum([]byte(source))
	return script{source, hex.EncodeToString(sum[:])}
}

var (
	leaseScript  = newScript(lua.Lease())
	extendScript = newScript(lua.Extend())
	reviseScript = newScript(lua.Revise())
	sweepScript  = newScript(lua.Sweep())
	findScript   = newScript(lua.Find())
	joinScript   = newScript(lua.Join())
	tickScript   = newScript(lua.Tick())

	examineScript = newScript(lua.Examine())
	mendScript    = newScript(lua.Mend())

	planScript    = newScript(lua.Plan())
	beatScript    = newScript(lua.Beat())
	serversScript = newScript(lua.Servers())
	recordScript  = newScript(lua.Record())
	oldestScript  = newScript(lua.Oldest())
)

func (s script) run(ctx context.Context, c goredis.UniversalClient, keys []string, args ...any) (any, error) {
	reply, err := c.EvalSha(ctx, s.digest, keys, args...).Result()
	if goredis.HasErrorPrefix(err, "NOSCRIPT") {
		return c.Eval(ctx, s.source, keys, args...).Result()
	}
	return reply, err
}

// scriptCall is one call of a pipeline.
type scriptCall struct {
	keys []string
	args []any
}

// runAll makes several calls, and what else there is, in one round trip.
func (s script) runAll(ctx context.Context, c goredis.UniversalClient, calls []scriptCall, also *naming) []*goredis.Cmd {
	cmds := make([]*goredis.Cmd, len(calls))
	if len(calls) == 1 && also == nil { // cheaper than a pipeline
		cmds[0] = c.EvalSha(ctx, s.digest, calls[0].keys, calls[0].args...)
		return s.known(ctx, c, calls, cmds)
	}
	// The error is that of the first command that failed, which has it too.
	_, _ = c.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for i, call := range calls {
			cmds[i] = p.EvalSha(ctx, s.digest, call.keys, call.args...)
		}
		if also != nil {
			also.send(p)
		}
		return nil
	})
	if also != nil {
		also.note()
	}
	return s.known(ctx, c, calls, cmds)
}

// known repeats what the server did not know the script for, in one round trip.
func (s script) known(ctx context.Context, c goredis.UniversalClient, calls []scriptCall, cmds []*goredis.Cmd) []*goredis.Cmd {
	var unknown []int
	for i, cmd := range cmds {
		if goredis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
			unknown = append(unknown, i)
		}
	}
	if len(unknown) == 0 {
		return cmds
	}
	_, _ = c.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for _, i := range unknown {
			cmds[i] = p.Eval(ctx, s.source, calls[i].keys, calls[i].args...)
		}
		return nil
	})
	return cmds
}

// counter numbers the calls of one caller, so that a script can tell a repeat.
type counter struct{ last atomic.Uint64 }

func (c *counter) next() string { return strconv.FormatUint(c.last.Add(1), 10) }

// remark is what a script says of one element of its batch: its position, from
// 1, a mark and a text, of which each script documents its own.
type remark struct {
	position int
	mark     byte // 0: none
	text     string
}

// remarks parses a reply of remarks with commas between.
func remarks(reply any) ([]remark, error) {
	text, ok := reply.(string)
	if single, isInt := reply.(int64); isInt { // some servers answer "1" with 1
		text, ok = strconv.FormatInt(single, 10), true
	}
	if !ok {
		return nil, fmt.Errorf("unexpected reply of a script: %v", reply)
	}
	if text == "" {
		return nil, nil
	}
	var found []remark
	for part := range strings.SplitSeq(text, ",") {
		end := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' })
		if end < 0 {
			end = len(part)
		}
		n, err := strconv.Atoi(part[:end])
		if err != nil {
			return nil, fmt.Errorf("unexpected reply of a script: %w", err)
		}
		one := remark{position: n}
		if end < len(part) {
			one.mark, one.text = part[end], part[end+1:]
		}
		found = append(found, one)
	}
	return found, nil
}
