package main

import (
	"testing"

	"github.com/nex-gen-tech/jobsy/task"
)

// groups returns the groups that failed lists.
func (r *rig) groups(args ...string) []map[string]any {
	r.Helper()
	var all []map[string]any
	for _, g := range r.parsed(append([]string{"failed"}, args...)...)["groups"].([]any) {
		all = append(all, g.(map[string]any))
	}
	return all
}

func TestFailed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.fail("mail", 30, "dial 10.0.0.1: refused", "dial 10.0.0.2: refused", "quota of 12 reached")
	r.fail("other", 4, "broken pipe")
	groups := r.groups()
	if len(groups) != 3 || groups[0]["count"] != 20.0 || groups[0]["error"] != "dial …: refused" || groups[2]["queue"] != "other" {
		t.Fatalf("the groups are %v", groups)
	}
	r.has(r.ok("failed"), "GROUP", "dial …: refused", "quota of … reached", groups[0]["group"].(string))
	if all := r.groups("--all"); len(all) != len(groups) {
		t.Errorf("all groups are %v", all)
	}
	r.has(r.ok("failed", "--limit", "1"), "1 of 3 groups; for more: --limit")
	if of := r.groups("--queue", "other"); len(of) != 1 {
		t.Errorf("the groups of one queue are %v", of)
	}
	if page := r.parsed("failed", "--limit", "1"); page["total"] != 3.0 {
		t.Errorf("the page is %v", page)
	}
}

func TestFailedRetry(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.fail("mail", 30, "refused 1", "quota reached", "refused 2")
	r.fail("other", 4, "broken pipe")
	group := r.groups()[0]["group"].(string) // refused …
	r.fails(2, []string{"--yes must be given", "retry 20 failed tasks of 1 group"}, "failed", "retry", group)
	r.fails(1, []string{`GROUP must be one that jobsy failed lists, got "00000000"`}, "failed", "retry", "00000000", "--yes")
	r.has(r.ok("failed", "retry", group, "--yes", "--paced", "1/m"), "20 tasks pending again")
	counts := r.counts("mail")
	if counts[task.StatusScheduled] != 19 || counts[task.StatusPending] != 1 || counts[task.StatusFailed] != 10 {
		t.Errorf("after a paced retry there are %v", counts)
	}
	if v := r.parsed("failed", "retry", "--queue", "other", "--name", "work", "--error", "broken pipe", "-y"); v["changed"] != 4.0 {
		t.Errorf("retry answers %v", v)
	}
	if n := r.counts("other")[task.StatusPending]; n != 4 {
		t.Errorf("%d are pending", n)
	}
}

func TestFailedDelete(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.fail("mail", 6, "refused", "quota reached")
	r.has(r.ok("failed", "delete", "--error", "refused", "--yes"), "3 tasks deleted")
	if n := r.counts("mail")[task.StatusFailed]; n != 3 {
		t.Errorf("%d are left", n)
	}
	r.has(r.ok("failed", "delete", "--name", "none"), "0 tasks deleted")
}

// More failed tasks than are looked at by default are told of.
func TestFailedIsBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.fail("mail", 6000, "dial 10: refused")
	out := r.ok("failed")
	r.has(out, "of 5,000 failed tasks; for more: --all")
	if groups := r.groups(); len(groups) != 1 || groups[0]["count"] != 5000.0 {
		t.Errorf("the groups are %v, want one of 5,000", groups)
	}
	if groups := r.groups("--all"); len(groups) != 1 || groups[0]["count"] != 6000.0 {
		t.Errorf("all groups are %v, want one of 6,000", groups)
	}
}
