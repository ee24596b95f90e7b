package dashboard

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// visible cuts a text to a number of bytes, and makes seen what would not be, or
// would change how its neighbours are read: control characters, marks that turn
// the direction of writing, and what is not UTF-8. Newlines and tabs stay if the
// text has lines.
func visible(text string, most int, several bool) string {
	cut := len(text) > most
	if cut {
		for most > 0 && !utf8.RuneStart(text[most]) {
			most--
		}
		text = text[:most]
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		writeVisible(&b, r, text[i:i+size], several)
		i += size
	}
	if cut {
		b.WriteString("…")
	}
	return b.String()
}

func writeVisible(b *strings.Builder, r rune, raw string, several bool) {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		fmt.Fprintf(b, `\x%02x`, raw[0])
	case several && (r == '\n' || r == '\t'):
		b.WriteRune(r)
	case r < 0x20:
		b.WriteRune(0x2400 + r) // its picture
	case r == 0x7f:
		b.WriteRune(0x2421)
	case unicode.In(r, unicode.C, unicode.Zl, unicode.Zp), hiddenMark(r):
		fmt.Fprintf(b, "[U+%04X]", r)
	default:
		b.WriteString(raw)
	}
}

// hiddenMark reports letters that have no picture, and so can hide a text in
// another.
func hiddenMark(r rune) bool {
	switch r {
	case 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0:
		return true
	}
	return unicode.Is(unicode.Variation_Selector, r) && r != 0xFE0F // that one is of emoji
}

// line is a text within a line.
func line(text string) string { return visible(text, 300, false) }

// lines is a text of several lines.
func lines(text string) string { return visible(text, 16<<10, true) }

// grouped writes a whole number with commas.
func grouped[N int | int64](number N) string {
	digits := strconv.FormatInt(int64(number), 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "−", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// span writes a duration with about two digits that count.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 0:
		return "−" + span(max(-d, 0)) // the least has no opposite
	case d == 0:
		return "0"
	case d < time.Millisecond:
		return strconv.FormatInt(d.Microseconds(), 10) + " µs"
	case d < 10*time.Millisecond:
		return strconv.FormatFloat(float64(d)/1e6, 'f', 1, 64) + " ms"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < time.Minute && d%time.Second == 0:
		return strconv.Itoa(int(d/time.Second)) + " s"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	case d < time.Hour:
		return parts(d, time.Minute, "m", time.Second, "s")
	case d < day:
		return parts(d, time.Hour, "h", time.Minute, "m")
	}
	return parts(d, day, "d", time.Hour, "h")
}

func parts(d, big time.Duration, bigUnit string, small time.Duration, smallUnit string) string {
	text := strconv.FormatInt(int64(d/big), 10) + " " + bigUnit
	if rest := int64(d % big / small); rest > 0 {
		text += " " + strconv.FormatInt(rest, 10) + " " + smallUnit
	}
	return text
}

// since says how long ago a time was, or how long it is until it comes.
func since(at time.Time) string {
	d := time.Since(at)
	switch {
	case at.IsZero():
		return "–"
	case d < -time.Second:
		return "in " + span(time.Until(at).Truncate(time.Second))
	case d < time.Second:
		return "now"
	}
	return span(d.Truncate(time.Second)) + " ago"
}

func stamp(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.UTC().Format("2006-01-02 15:04:05.000 UTC")
}

// sized writes a size.
func sized(n int) string {
	switch {
	case n < 1000:
		return strconv.Itoa(n) + " B"
	case n < 1000_000:
		return strconv.FormatFloat(float64(n)/1e3, 'f', 1, 64) + " kB"
	}
	return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " MB"
}

// link is the address of a page, relative to any other, with its parameters by
// name and value. Those without a value are left out.
func link(page string, pairs ...string) string {
	values := make(url.Values)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			values.Set(pairs[i], pairs[i+1])
		}
	}
	if page == "" {
		page = "./"
	}
	if len(values) == 0 {
		return page
	}
	return page + "?" + values.Encode()
}

// short is the end of an ID, by which people tell it from others: its beginning
// is the time.
func short(id string) string { return id[max(0, len(id)-12):] }
