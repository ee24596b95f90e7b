package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Names, payloads and errors come from whoever can enqueue. What a terminal could
// take for a command (escapes, control characters, marks that turn the direction
// of text) is never printed as it is.

// plain reports whether a text can be printed as it is.
func plain(text string) bool {
	return utf8.ValidString(text) && strings.IndexFunc(text, hostile) < 0
}

func hostile(r rune) bool { return !unicode.IsPrint(r) }

// shown is a text for a table or a list: as it is or, if that cannot be, quoted.
func shown(text string) string {
	switch {
	case text == "":
		return "–"
	case plain(text) && strings.TrimSpace(text) == text && text[0] != '"' && text != "–":
		return text
	}
	return strconv.Quote(text)
}

// escaped is a text of several words, such as an error: as it is but for what is
// not to be printed.
func escaped(text string) string {
	if plain(text) {
		return text
	}
	var safe strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && size == 1 || hostile(r) {
			quoted := strconv.Quote(text[:size])
			safe.WriteString(quoted[1 : len(quoted)-1])
		} else {
			safe.WriteString(text[:size])
		}
		text = text[size:]
	}
	return safe.String()
}

// brief is shown, cut to about that many characters. Of an error it is the first
// line.
func brief(text string, most int) string {
	line, _, more := strings.Cut(text, "\n")
	if utf8.RuneCountInString(line) > most {
		line, more = string([]rune(line)[:most]), true
	}
	if more {
		return shown(line) + "…"
	}
	return shown(line)
}

// escapedJSON writes what is not to be printed as the escapes of JSON, which
// encoding/json does only for some of it. Outside of strings there is none.
func escapedJSON(encoded []byte) []byte {
	if plain(string(encoded)) {
		return encoded
	}
	var safe bytes.Buffer
	for _, r := range string(encoded) {
		switch {
		case !hostile(r):
			safe.WriteRune(r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&safe, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&safe, `\u%04x`, r)
		}
	}
	return safe.Bytes()
}

// argument is a text as a shell takes it.
func argument(text string) string {
	safe := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.:/@+,=", r)
	}
	switch {
	case text != "" && strings.IndexFunc(text, func(r rune) bool { return !safe(r) }) < 0:
		return text
	case plain(text):
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	return "$'" + strings.ReplaceAll(escaped(strings.ReplaceAll(text, `\`, `\\`)), "'", `\'`) + "'"
}
