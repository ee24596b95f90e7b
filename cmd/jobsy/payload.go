package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	maxText = 4096 // bytes of a payload that are shown as text
	maxHex  = 256  // or as hex
)

// payloadText is a payload for people: JSON indented, text as it is, all else as
// hex, and cut with a note.
func payloadText(payload []byte) string {
	switch {
	case len(payload) == 0:
		return "–"
	case len(payload) > maxText && legible(utf8Prefix(payload[:maxText])):
		return lines(string(utf8Prefix(payload[:maxText]))) + cutNote(len(payload), maxText)
	case len(payload) <= maxText && legible(payload):
		return lines(indented(payload))
	case len(payload) > maxHex:
		return "hex " + hex.EncodeToString(payload[:maxHex]) + cutNote(len(payload), maxHex)
	}
	return "hex " + hex.EncodeToString(payload)
}

func cutNote(size, shown int) string {
	return fmt.Sprintf("… (%s of %s bytes; --json has all)", numbered(shown), numbered(size))
}

// legible reports whether bytes are text: UTF-8 whose only characters that are not
// printable are those of white space.
func legible(payload []byte) bool {
	return plain(strings.NewReplacer("\n", "", "\t", "", "\r", "").Replace(string(payload)))
}

// utf8Prefix drops a character that was cut in two.
func utf8Prefix(b []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if r := b[len(b)-i]; utf8.RuneStart(r) {
			if !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

func indented(payload []byte) string {
	var pretty bytes.Buffer
	if json.Indent(&pretty, payload, "", "  ") == nil {
		return pretty.String()
	}
	return string(payload)
}

// lines escapes each line of a text by itself.
func lines(text string) string {
	all := strings.Split(strings.ReplaceAll(text, "\t", "  "), "\n")
	for i, line := range all {
		all[i] = escaped(line)
	}
	return strings.Join(all, "\n")
}

// encodedPayload is a payload for programs: never cut.
func encodedPayload(payload []byte) (text, encoding string) {
	if utf8.Valid(payload) {
		return string(payload), "utf-8"
	}
	return base64.StdEncoding.EncodeToString(payload), "base64"
}
