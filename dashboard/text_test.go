package dashboard

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestVisible(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain":                 "plain",
		"a\x00b\x1b[31m\x7f":    "a␀b␛[31m␡",
		"tab\tand\nline\r":      "tab␉and␊line␍",
		"user\u202egpj.exe":     "user[U+202E]gpj.exe",
		"\u2066a\u2069\u200f":   "[U+2066]a[U+2069][U+200F]",
		"zero\u200bwidth\ufeff": "zero[U+200B]width[U+FEFF]",
		"\u2028\u2029\u0085":    "[U+2028][U+2029][U+0085]",
		"tag\U000E0041":         "tag[U+E0041]",
		"\xff\xfe":              `\xff\xfe`,
		"שלום":                  "שלום",
		"fill\u3164er":          "fill[U+3164]er",
	} {
		if got := visible(text, 100, false); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := visible("a\n\tb\r", 100, true); got != "a\n\tb␍" {
		t.Errorf("lines: %q", got)
	}
	if got := visible(strings.Repeat("é", 100), 5, false); got != "éé…" {
		t.Errorf("cut: %q", got)
	}
}

func FuzzVisible(f *testing.F) {
	f.Add("user\u202egpj", 4)
	f.Fuzz(func(t *testing.T, text string, most int) {
		if most < 0 {
			return
		}
		got := visible(text, most, false)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\n\r\u202e\u2066\u200b") {
			t.Errorf("%q: %q", text, got)
		}
	})
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0", 80 * time.Microsecond: "80 µs", 1500 * time.Microsecond: "1.5 ms", 250 * time.Millisecond: "250 ms", 2 * time.Second: "2 s",
		2500 * time.Millisecond: "2.5 s", 90 * time.Second: "1 m 30 s", time.Hour: "1 h", 26 * time.Hour: "1 d 2 h", -time.Second: "−1 s",
		math.MinInt64: "−0", math.MaxInt64: "106751 d 23 h",
	} {
		if got := span(d); got != want {
			t.Errorf("%d: %q, want %q", d, got, want)
		}
	}
}

func TestSince(t *testing.T) {
	t.Parallel()
	for at, want := range map[time.Time]string{
		{}:                                "–",
		time.Unix(-1<<61, 0):              "106751 d 23 h ago",
		time.Unix(1<<61, 0):               "in 106751 d 23 h",
		time.Now().Add(-61 * time.Minute): "1 h 1 m ago",
	} {
		if got := since(at); got != want {
			t.Errorf("%v: %q, want %q", at.Unix(), got, want)
		}
	}
}

func TestGrouped(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "−1,234,567", math.MinInt64: "−9,223,372,036,854,775,808"} {
		if got := grouped(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestContent(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	for data, want := range map[string]content{
		"":                   {Kind: "empty"},
		`{"a":[1]}`:          {Kind: "JSON", Size: 9, Text: "{\n  \"a\": [\n    1\n  ]\n}"},
		"{not json":          {Kind: "text", Size: 9, Text: "{not json"},
		"\x00\x01":           {Kind: "binary", Size: 2, Text: "00000000  00 01                                             |..|\n"},
		`{"a":"\u202e"}`:     {Kind: "JSON", Size: 14, Text: "{\n  \"a\": \"\\u202e\"\n}"},
		"{\"a\":\"\u202e\"}": {Kind: "JSON", Size: 11, Text: "{\n  \"a\": \"[U+202E]\"\n}"},
		deep:                 {Kind: "text", Size: 40_000, Text: deep},
	} {
		if got := newContent([]byte(data)); got != want {
			t.Errorf("%.40q: %.200v, want %.200v", data, got, want)
		}
	}
	for _, data := range []string{strings.Repeat("x", 5<<20), strings.Repeat("\x00", 5<<20), `"` + strings.Repeat("[", 5<<20) + `"`} {
		if got := newContent([]byte(data)); !got.Cut || len(got.Text) > maxShown+8 && got.Kind != "binary" || len(got.Text) > 200<<10 {
			t.Errorf("%.10q…: cut %v, %d bytes", data, got.Cut, len(got.Text))
		}
	}
}
