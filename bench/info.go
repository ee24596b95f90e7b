package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// redisInfo is what INFO says, and of each command its statistics.
type redisInfo struct {
	text     map[string]string
	commands map[string]commandStat
}

const (
	userCPU   = "used_cpu_user"
	systemCPU = "used_cpu_sys"
	reads     = "total_reads_processed"
)

// commandStat counts one command, calls from scripts included.
type commandStat struct{ calls, usec float64 }

func (s *redisServer) info(ctx context.Context) (redisInfo, error) {
	text, err := s.admin.Info(ctx, "everything").Result()
	if err != nil {
		return redisInfo{}, fmt.Errorf("ask redis for INFO: %w", err)
	}
	return parseInfo(text), nil
}

func parseInfo(text string) redisInfo {
	info := redisInfo{make(map[string]string), make(map[string]commandStat)}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		if name, ok := strings.CutPrefix(key, "cmdstat_"); ok {
			info.commands[name] = parseCommand(value)
			continue
		}
		info.text[key] = value
	}
	return info
}

// parseCommand reads "calls=1,usec=2,usec_per_call=2.00,…".
func parseCommand(fields string) (stat commandStat) {
	for field := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(field, "=")
		number, _ := strconv.ParseFloat(value, 64)
		switch name {
		case "calls":
			stat.calls = number
		case "usec":
			stat.usec = number
		}
	}
	return stat
}

// number returns 0 for what is missing or no number.
func (i redisInfo) number(key string) float64 {
	number, _ := strconv.ParseFloat(i.text[key], 64)
	return number
}

// cpu returns the seconds of CPU that the server has used.
func (i redisInfo) cpu() float64 { return i.number(userCPU) + i.number(systemCPU) }

// requests counts what clients have sent, the commands inside of scripts left
// out. Commands that come in one read count once.
func (i redisInfo) requests() float64 { return i.number(reads) }

// since returns what was used after an earlier look: CPU, commands and
// requests, but for the request of the later look.
func (i redisInfo) since(earlier redisInfo) redisInfo {
	diff := redisInfo{make(map[string]string), make(map[string]commandStat)}
	for key, own := range map[string]float64{userCPU: 0, systemCPU: 0, reads: 1} {
		diff.text[key] = strconv.FormatFloat(i.number(key)-earlier.number(key)-own, 'f', -1, 64)
	}
	for name, stat := range i.commands {
		before := earlier.commands[name]
		if stat.calls -= before.calls; stat.calls > 0 {
			diff.commands[name] = commandStat{stat.calls, stat.usec - before.usec}
		}
	}
	return diff
}

// isOurs tells the commands with which bench itself looks into the server.
func isOurs(command string) bool {
	return command == "info" || command == "flushall" || strings.HasPrefix(command, "config") || command == "bgrewriteaof"
}

// calls counts the commands, but for those of bench itself.
func (i redisInfo) calls() (calls float64) {
	for name, stat := range i.commands {
		if !isOurs(name) {
			calls += stat.calls
		}
	}
	return calls
}

// describe lists the commands by the time they take, a job.
func (i redisInfo) describe(jobs int) string {
	names := slices.SortedFunc(maps.Keys(i.commands), func(a, b string) int {
		return int(i.commands[b].usec - i.commands[a].usec)
	})
	var text strings.Builder
	for _, name := range names[:min(len(names), 12)] {
		stat := i.commands[name]
		if !isOurs(name) {
			fmt.Fprintf(&text, " %s %.3g × %.3g µs;", name, stat.calls/float64(jobs), stat.usec/stat.calls)
		}
	}
	return strings.TrimSuffix(text.String(), ";")
}
