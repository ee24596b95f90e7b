package admin

import (
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"
)

// maxFingerprint bounds a fingerprint in bytes.
const maxFingerprint = 200

// varying is what differs between errors of one kind: quoted text, UUIDs, hex and
// other numbers. An apostrophe within a word quotes nothing.
var varying = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)"(?:[^"\\]|\\.)*"|\B'[^']*'\B|` + "`[^`]*`" +
		`|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b0x[0-9a-f]+\b|\b[0-9a-f]{8,}\b|\d+(?:\.\d+)*`)
})

// fingerprint is what the first line of an error says, without what varies.
func fingerprint(message string) string {
	line, _, _ := strings.Cut(message, "\n")
	line = clip(line, 4*maxFingerprint)
	return clip(varying().ReplaceAllStringFunc(line, placeholder), maxFingerprint)
}

// placeholder leaves words that look like hex.
func placeholder(found string) string {
	if strings.ContainsAny(found, "0123456789\"'`") {
		return "…"
	}
	return found
}

// clip cuts a text to at most that many bytes of valid UTF-8.
func clip(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= most {
		return text
	}
	for !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
