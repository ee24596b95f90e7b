package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func FuzzTextIsPrintable(f *testing.F) {
	for _, seed := range []string{"", "plain", "\x1b[31m", "\u202e\U000e0001", "é→語🚀", "\xff", "a\nb", `"quoted"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, got := range map[string]string{
			"shown": shown(text), "escaped": escaped(text), "brief": brief(text, 5), "argument": argument(text),
		} {
			if !plain(got) {
				t.Errorf("%s(%q) is %q", name, text, got)
			}
		}
		if got := payloadText([]byte(text)); !plain(strings.ReplaceAll(got, "\n", "")) {
			t.Errorf("payloadText(%q) is %q", text, got)
		}
	})
}

func FuzzEscapedJSONMeansTheSame(f *testing.F) {
	f.Add("\x1b\u009b\u202e\U000e0001 plain")
	f.Fuzz(func(t *testing.T, text string) {
		encoded, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var want, got string
		if err := json.Unmarshal(encoded, &want); err != nil {
			t.Fatal(err)
		}
		safe := escapedJSON(encoded)
		if err := json.Unmarshal(safe, &got); err != nil || got != want || !plain(string(safe)) {
			t.Errorf("%q becomes %q: %v", encoded, safe, err)
		}
	})
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "–", 1: "1ns", 1234: "1.23µs", 999_999_999: "1s", 12_345_678: "12.3ms", 1_260 * time.Millisecond: "1.3s",
		time.Minute: "1m", 61 * time.Second: "1m1s", time.Hour: "1h", 70 * time.Second: "1m10s", 10 * time.Minute: "10m", 10 * time.Hour: "10h", 90 * time.Minute: "1h30m", 70 * time.Hour: "2d", -time.Minute: "-1m",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%d) is %q, want %q", d, got, want)
		}
	}
}

func TestNumbered(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := numbered(n); got != want {
			t.Errorf("numbered(%d) is %q, want %q", n, got, want)
		}
	}
}

func TestSparkline(t *testing.T) {
	t.Parallel()
	if got, want := sparkline([]int64{0, 1, 500, 1000}), "▁▂▅█"; got != want {
		t.Errorf("the sparkline is %q, want %q", got, want)
	}
}

func TestArgument(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"pending/5": "pending/5", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "a\x1b'b\\": `$'a\x1b\'b\\'`,
	} {
		if got := argument(text); got != want {
			t.Errorf("argument(%q) is %s, want %s", text, got, want)
		}
	}
}
