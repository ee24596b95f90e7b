package main

import (
	"strconv"
	"strings"
	"time"
)

// span is a duration for people, to two places.
func span(d time.Duration) string {
	switch {
	case d == 0:
		return "–"
	case d < 0:
		return "-" + span(-d)
	case d < time.Second:
		return rounded(d)
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return short(d.Round(time.Second))
	case d < 48*time.Hour:
		return short(d.Round(time.Minute))
	}
	return strconv.Itoa(int(d/(24*time.Hour))) + "d"
}

// short leaves out the zeros with which a duration ends: 1h0m0s is 1h.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// rounded leaves three digits of what is below a second.
func rounded(d time.Duration) string {
	unit := time.Nanosecond
	for unit*1000 <= d {
		unit *= 10
	}
	return d.Round(unit).String()
}

// when is a time for people, as seen from now.
func when(at, now time.Time) string {
	switch gap := now.Sub(at); {
	case at.IsZero():
		return "–"
	case gap < 0:
		return "in " + span(-gap)
	default:
		return span(max(gap, time.Millisecond)) + " ago"
	}
}

// stamp is a time for programs: null if there is none.
func stamp(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC()
	return &at
}
