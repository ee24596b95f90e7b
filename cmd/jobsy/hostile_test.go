package main

import (
	"strings"
	"testing"

	"github.com/nex-gen-tech/jobsy/task"
)

// What comes from whoever can enqueue is never printed so that a terminal would
// take it for a command.
func TestHostileText(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const attack = "\x1b]0;owned\x07\x1b[2J\r\nfake\u202e\u009b31m\x7f\xff"
	name := "evil\u202ename" // control characters are refused by the library, marks are not
	one := task.New(name, []byte(attack))
	one.Headers = map[string]string{"k\u202e": "v\u009b"}
	one.Queue = "q\u202e"
	if err := r.client.Enqueue(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	r.fail("sad", 1, attack+" in the error")
	failed := r.parsed("task", "ls", "-q", "sad")["tasks"].([]any)[0].(map[string]any)["id"].(string)
	for _, args := range [][]string{
		{"stats"}, {"queue", "ls"}, {"queue", "ls", "--limit", "1"}, {"task", "ls", "-q", one.Queue}, {"task", "ls", "-q", "sad"},
		{"task", "show", one.ID.String()}, {"task", "show", failed}, {"failed"}, {"queue", "pause", one.Queue},
		{"queue", "purge", one.Queue, "--name", name}, {"task", "show", "x" + attack[:20]}, {"queue", attack[:8]},
		{"task", "ls", "--status", attack[:8]}, {"task", "enqueue", attack[:8]},
	} {
		for _, format := range []string{"", "--json"} {
			got := r.run(append(args, "--json="+map[string]string{"": "false", "--json": "true"}[format])...)
			if at := strings.IndexFunc(got.out+got.err, func(c rune) bool { return c != '\n' && hostile(c) }); at >= 0 {
				t.Errorf("%q %s passes control characters: %q", args, format, got.out+got.err)
			}
			if format != "" && got.out != "" {
				r.value(got.out)
			}
		}
	}
	if v := r.parsed("task", "show", one.ID.String(), "-q", one.Queue); v["name"] != name {
		t.Errorf("the name is %q, want %q", v["name"], name)
	}
}
