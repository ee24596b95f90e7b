package dashboard

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"unicode/utf8"
)

const (
	maxPretty = 64 << 10 // of JSON that is laid out, in bytes
	maxDepth  = 32       // of the same: layout grows with depth times length
	maxHex    = 2 << 10  // of what is no text, in bytes
	maxShown  = 64 << 10 // of what is shown in one block, in bytes
)

// content is a payload or result as it is shown.
type content struct {
	Kind string // "JSON", "text", "binary" or "empty"
	Size int
	Text string
	Cut  bool // there is more than is shown
}

func newContent(data []byte) content {
	c := content{Kind: "empty", Size: len(data)}
	switch {
	case len(data) == 0:
	case len(data) <= maxPretty && depth(data) <= maxDepth && json.Valid(data):
		var laid bytes.Buffer
		_ = json.Indent(&laid, data, "", "  ") // it is valid
		c.Kind = "JSON"
		c.Text, c.Cut = visible(laid.String(), maxShown, true), laid.Len() > maxShown
	case utf8.Valid(data) && !bytes.ContainsRune(data, 0):
		c.Kind = "text"
		c.Text, c.Cut = visible(string(data[:min(len(data), maxShown+utf8.UTFMax)]), maxShown, true), len(data) > maxShown
	default:
		c.Kind = "binary"
		c.Text, c.Cut = hex.Dump(data[:min(len(data), maxHex)]), len(data) > maxHex
	}
	return c
}

// depth is how deep brackets nest, at most, whether they are within strings or
// not.
func depth(data []byte) int {
	now, most := 0, 0
	for _, c := range data {
		switch c {
		case '{', '[':
			now++
			most = max(most, now)
		case '}', ']':
			now--
		}
	}
	return most
}

// excerpt is the beginning of a payload, in one line.
func excerpt(data []byte) string {
	if len(data) == 0 {
		return ""
	}
	const most = 120
	head := data[:min(len(data), most)]
	if !utf8.Valid(head[:max(0, len(head)-utf8.UTFMax)]) {
		return "binary, " + sized(len(data))
	}
	return visible(string(data[:min(len(data), most+utf8.UTFMax)]), most, false)
}
