package redistest

import (
	"fmt"
	"strings"
	"testing"
)

func TestClusterFailsOver(t *testing.T) {
	t.Parallel()
	c := StartCluster(t)
	first := c.Owner(t, "kept")
	expect(t, first, "SET kept 1", "+OK")
	c.AwaitSync(t)
	if killed := c.KillOwner(t, "kept"); killed != first || first.PID() != 0 {
		t.Errorf("killed %s, want the owner %s", killed.Addr(), first.Addr())
	}
	second := c.AwaitFailover(t, "kept", first)
	if second == first || c.Owner(t, "kept") != second {
		t.Errorf("the owner is %s, the former one %s", second.Addr(), first.Addr())
	}
	expect(t, second, "GET kept", "1")

	first.Restart(t)
	c.AwaitOK(t)
	c.AwaitSync(t)
	expect(t, first, "GET kept", fmt.Sprintf("-MOVED %d %s", c.Slot(t, "kept"), second.Addr()))
}

func TestClusterMovesASlot(t *testing.T) {
	t.Parallel()
	c := StartCluster(t)
	from, to := c.Owner(t, "{tag}a"), c.Owner(t, "other")
	if from == to {
		t.Fatal("the keys are on one node")
	}
	for _, key := range []string{"a", "b", "c"} {
		expect(t, from, "SET {tag}"+key+" 1", "+OK")
	}
	move := c.BeginMove(t, "{tag}", to)
	if n := move.Keys(t, 2); n != 2 {
		t.Errorf("moved %d keys, want 2", n)
	}
	if reply := ask(t, from, "GET {tag}new"); !strings.HasPrefix(reply, "-ASK ") {
		t.Errorf("got %q, want ASK", reply)
	}
	if reply := ask(t, from, "MGET {tag}a {tag}b {tag}c"); !strings.HasPrefix(reply, "-TRYAGAIN ") {
		t.Errorf("got %q, want TRYAGAIN", reply)
	}
	move.End(t)
	if reply := ask(t, from, "GET {tag}a"); !strings.HasPrefix(reply, "-MOVED ") {
		t.Errorf("got %q, want MOVED", reply)
	}
	for _, key := range []string{"a", "b", "c"} {
		expect(t, to, "GET {tag}"+key, "1")
	}
	c.MoveSlot(t, "{tag}", from)
	expect(t, from, "GET {tag}c", "1")
}
