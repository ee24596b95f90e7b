package main

import (
	"net"
	"os/exec"
	"strings"
	"testing"
)

// Errors of calling need no broker: they are found before one is asked.
func TestUsage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const id = "0192f0c1-0000-7000-8000-00000000002a"
	for _, test := range []struct {
		call string
		says []string
	}{
		{"", []string{"jobsy must be followed by", "stats"}},
		{"nonsense", []string{`jobsy has no command "nonsense"`, "queue"}},
		{"queue", []string{"jobsy queue must be followed by ls, pause, purge or resume"}},
		{"task nonsense", []string{`jobsy task has no command "nonsense"`}},
		{"failed nonsense", []string{`jobsy failed has no command "nonsense"`, "delete or retry"}},
		{"completion nonsense", []string{`no command "nonsense"`, "bash"}},
		{"stats --nonsense", []string{"unknown flag: --nonsense"}},
		{"stats --interval 1ms", []string{"--interval must be at least 100ms, got 1ms"}},
		{"stats --interval soon", []string{"--interval", `"soon"`}},
		{"queue ls --limit 0", []string{"--limit must be 1 to 1000, got 0"}},
		{"queue pause", []string{"QUEUE must be given", "jobsy queue pause QUEUE"}},
		{"queue pause a b", []string{`argument "b" is one too many`}},
		{"queue pause {}", []string{"QUEUE must not contain braces"}},
		{"queue purge a --status nonsense", []string{"--status must be one of scheduled, pending", `got "nonsense"`}},
		{"queue purge a --status running", []string{"--status must be", "to purge"}},
		{"task ls --limit 1001", []string{"--limit must be 1 to 1000, got 1001"}},
		{"task ls --status nonsense", []string{"--status must be one of"}},
		{"task ls --cursor nonsense", []string{"--cursor must be what an earlier page"}},
		{"task ls --status failed --cursor failed/x", []string{"--cursor must be what an earlier page"}},
		{"task ls --queue {}", []string{"--queue must not contain braces"}},
		{"task show", []string{"ID must be given"}},
		{"task show 12", []string{`ID must be the UUID of a task, got "12"`}},
		{"task enqueue", []string{"NAME must be given"}},
		{"task enqueue a --priority 256", []string{"--priority must be 1 to 255"}},
		{"task enqueue a --at noon", []string{"--at must be a time such as", `got "noon"`}},
		{"task enqueue a --deadline noon", []string{"--deadline must be a time such as"}},
		{"task enqueue a --in -1s", []string{"--in must not be negative, got -1s"}},
		{"task enqueue a --in 1s --at 2030-01-01T00:00:00Z", []string{"--in must not be given together with --at"}},
		{"task enqueue a --header x", []string{`--header must be KEY=VALUE, got "x"`}},
		{"task enqueue a --id 12", []string{`--id must be a UUID, got "12"`}},
		{"task enqueue a --unique often", []string{"--unique must be until-started", `got "often"`}},
		{"task enqueue a --unique throttle", []string{"--unique-for"}},
		{"task enqueue a --max-retry -2", []string{"--max-retry must be 0 for the default"}},
		{"task enqueue a --retention -1s", []string{"--retention must not be negative"}},
		{"task enqueue a --payload x --payload-file y", []string{"--payload must not be given together with --payload-file"}},
		{"task edit " + id, []string{"--priority, --payload or --payload-file must be given"}},
		{"task edit " + id + " --priority 999", []string{"--priority must be 1 to 255"}},
		{"task run", []string{"ID or --status must be given"}},
		{"task run 12", []string{`ID must be the UUID of a task, got "12"`}},
		{"task run --status failed", []string{"--status must be scheduled, retrying or pending to run"}},
		{"task retry --status pending", []string{"--status must be completed, failed or cancelled to retry"}},
		{"task cancel " + id + " --status pending", []string{"--status must not be given together with ID"}},
		{"task delete " + id + " --name a", []string{"--name must be given with --status"}},
		{"task move " + id, []string{"--to must not be empty"}},
		{"task move --to {} --status pending", []string{"--to must not contain braces"}},
		{"task move --to b", []string{"ID or --status must be given"}},
		{"task move --to b --status failed", []string{"--status must be scheduled, retrying or pending to move"}},
		{"failed --limit x", []string{"--limit", `"x"`}},
		{"failed retry --paced fast", []string{"--paced must be a rate", `got "fast"`}},
		{"failed retry --paced 0/s", []string{"--paced must be a rate"}},
		{"failed retry --paced NaN/s", []string{"--paced must be a rate"}},
		{"doctor --limit 0", []string{"--limit must be 1 to 10000"}},
		{"doctor --queue {}", []string{"--queue must not contain braces"}},
		{"bench --tasks 0", []string{"--tasks must be 1 to 10,000,000, got 0"}},
		{"bench --concurrency 0", []string{"--concurrency must be 1 to 10,000, got 0"}},
		{"bench --payload-bytes -1", []string{"--payload-bytes must be 0 to 1,048,576, got -1"}},
		{"schedule ls --cursor x", []string{"--cursor must be what an earlier page"}},
		{"schedule ls --queue {}", []string{"--queue must not contain braces"}},
		{"schedule run", []string{"SCHEDULE must be given"}},
		{"dashboard --listen 8080", []string{"--listen must be HOST:PORT", `"8080"`}},
		{"dashboard --listen :8080", []string{"--listen must be a loopback address", "without a login", "--unsafe-bind"}},
		{"dashboard --listen 0.0.0.0:8080", []string{"--listen must be a loopback address"}},
		{"dashboard --listen 127.0.0.1.example:80", []string{"--listen must be a loopback address"}},
		{"server ls --limit 0", []string{"--limit must be 1 to 1000"}},
		{"server ls --cursor x", []string{"--cursor"}},
		{"version now", []string{`argument "now" is one too many`}},
		{"stats --broker http://localhost", []string{"jobsy: --broker must be a redis, rediss, unix"}},
		{"stats --prefix {}", []string{"jobsy: --prefix must not contain braces"}},
	} {
		t.Run(test.call, func(t *testing.T) {
			t.Parallel()
			inner := *r
			inner.T = t
			inner.fails(2, test.says, strings.Fields(test.call)...)
		})
	}
}

func TestBrokerAway(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := silent.Addr().String()
	silent.Close() // nobody listens there any more
	c := exec.Command(program(t), "stats", "--broker", "redis://user:hush@"+address)
	got := finish(t, c)
	if got.code != 1 || !strings.Contains(got.err, "--broker redis://user:xxxxx@"+address+" must be a broker that answers") {
		t.Errorf("exits with %d and says %q", got.code, got.err)
	}
	if strings.Contains(got.err, "hush") {
		t.Errorf("tells the password: %q", got.err)
	}
}

func TestHelpHasExamples(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"", "stats", "queue", "queue ls", "queue pause", "queue resume", "queue purge", "task", "task ls", "task show", "task explain", "task explain",
		"task enqueue", "task run", "task retry", "task cancel", "task delete", "task move", "task edit", "failed", "failed retry",
		"failed delete", "server", "server ls", "schedule", "schedule ls", "schedule pause", "schedule resume", "schedule run", "doctor", "dashboard", "bench", "version",
	} {
		got := finish(t, exec.Command(program(t), append(strings.Fields(path), "--help")...))
		if got.code != 0 || !strings.Contains(got.out, "Examples:\n  jobsy "+path) {
			t.Errorf("jobsy %s --help has no example of it: %s", path, got.out)
		}
	}
}

func TestVersionAndCompletion(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.has(r.ok("version"), "jobsy ", "go1.")
	if v := r.parsed("version"); v["go"] == "" {
		t.Errorf("no version of Go: %v", v)
	}
	r.has(r.ok("completion", "bash"), "jobsy")
	r.enqueue("mail", "work", 1)
	r.has(r.run("__complete", "queue", "pause", "").out, "mail\n")
}
