package admin

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFingerprint(t *testing.T) {
	t.Parallel()
	for want, messages := range map[string][]string{
		"order …: connection refused":       {"order 17: connection refused", "order 1.5: connection refused\ngoroutine 7"},
		"user … is unknown":                 {`user "ada" is unknown`, `user "grace 2" is unknown`, "user 'ada' is unknown", "user `x` is unknown", `user "a \"b\"" is unknown`},
		"no task …":                         {"no task 0192f0a1-7b3c-7def-8abc-0123456789ab", "no task 0192F0A1-7B3C-7DEF-8ABC-0123456789AB", "no task 4711"},
		"object … is gone":                  {"object 0xc000123abc is gone", "object deadbeef01 is gone", "object 1e7f9ab2 is gone"},
		"can't connect, for it doesn't run": {"can't connect, for it doesn't run"},
		"dial …:…: i/o timeout":             {"dial 10.0.0.1:6379: i/o timeout", "dial 10.0.0.254:80: i/o timeout"},
		"the cabbage faded":                 {"the cabbage faded"},
		"":                                  {"", "\nsecond line"},
	} {
		for _, message := range messages {
			if got := fingerprint(message); got != want {
				t.Errorf("%q has the fingerprint %q, want %q", message, got, want)
			}
		}
	}
	if got := fingerprint(strings.Repeat("ä", 16<<10)); len(got) > maxFingerprint || !utf8.ValidString(got) {
		t.Errorf("fingerprint of %d bytes", len(got))
	}
}

func FuzzFingerprint(f *testing.F) {
	f.Add(`a "b" 12`)
	f.Fuzz(func(t *testing.T, message string) {
		got := fingerprint(message)
		if len(got) > maxFingerprint || !utf8.ValidString(got) || strings.Contains(got, "\n") {
			t.Errorf("%q has the fingerprint %q", message, got)
		}
	})
}
