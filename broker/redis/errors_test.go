package redis

import (
	"errors"
	"fmt"
	"testing"

	"github.com/nex-gen-tech/jobsy/task"
)

// said is an error of the server.
type said string

func (s said) Error() string { return string(s) }
func (said) RedisError()     {}

func TestErrorsThatPass(t *testing.T) {
	t.Parallel()
	const inScript = "ERR Error running script (call to f_0): @user_script:9: @user_script: 9: " // as before 7.0
	for text, passes := range map[string]bool{
		"LOADING Redis is loading the dataset in memory":          true,
		"READONLY You can't write against a read only replica.":   true,
		"MISCONF Redis is configured to save RDB snapshots":       true,
		"BUSY Redis is busy running a script.":                    true,
		"OOM command not allowed when used memory > 'maxmemory'.": true,
		"MOVED 1 127.0.0.1:7000":                                  true,
		inScript + "-READONLY You can't write against a replica.": true,
		inScript + "-OOM command not allowed":                     true,
		inScript + "-WRONGTYPE Operation against a key":           false,
		inScript + "attempt to compare nil with number":           false,
		"ERR unknown command":                                     false,
		"BUSYGROUP Consumer Group name already exists":            false,
		"WRONGTYPE Operation against a key":                       false,
		"":                                                        false,
	} {
		err := wrap("work", fmt.Errorf("in between: %w", said(text)))
		if errors.Is(err, task.ErrUnavailable) != passes {
			t.Errorf("%q: unavailable is %t, want %t", text, !passes, passes)
		}
	}
}
