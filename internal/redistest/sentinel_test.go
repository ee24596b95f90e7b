package redistest

import "testing"

func TestSentinelsFailOver(t *testing.T) {
	t.Parallel()
	s := StartSentinels(t)
	first, second := s.Primary(t), s.Replica(t)
	expect(t, first, "SET kept 1", "+OK")
	s.AwaitSync(t)
	if killed := s.KillPrimary(t); killed != first || first.PID() != 0 {
		t.Errorf("killed %s, want the primary %s", killed.Addr(), first.Addr())
	}
	if now := s.AwaitFailover(t, first); now != second || s.Primary(t) != second {
		t.Errorf("the primary is %s, want %s", now.Addr(), second.Addr())
	}
	expect(t, second, "GET kept", "1")
	expect(t, second, "SET kept 2", "+OK")
}
