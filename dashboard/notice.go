package dashboard

import (
	"iter"
	"maps"
	"net/url"
	"slices"
	"strconv"
)

// notice tells what the last change did, in words of this program alone: an
// address that somebody made up says nothing of its own.
func (d *dashboard) notice(q *params) string {
	did := q.values.Get("did")
	n := q.number("n", 0, 1_000_000_000, 0)
	missed := q.number("missed", 0, maxChosen, 0)
	if did == "" {
		return ""
	}
	a, ok := d.actions[did]
	if !ok {
		q.choice("did", slices.Sorted(maps.Keys(d.actions))...)
		return ""
	}
	text := a.past + " " + count(n, a.what) + "."
	if missed > 0 {
		text += " " + count(missed, "task") + " had moved on, and stayed as they were."
	}
	return text
}

// count writes a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return grouped(n) + " " + thing + "s"
}

func plain(n int) string { return strconv.Itoa(n) }

func keysOf(values url.Values) iter.Seq[string] { return maps.Keys(values) }
