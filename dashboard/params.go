package dashboard

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// Bounds of what a request may say.
const (
	maxQuery  = 8 << 10   // of its address, in bytes
	maxBody   = 256 << 10 // of a form, in bytes
	maxText   = 200       // of a text to search for, in bytes
	maxCursor = 512       // of a page's cursor, in bytes
	maxChosen = 200       // of tasks changed by one form
	maxPage   = 200       // of tasks on one page
)

// params reads what a request says, within bounds. The first error sticks.
type params struct {
	values url.Values
	err    error
}

func (p *params) refuse(field, rule, value string) {
	if p.err == nil {
		p.err = &task.FieldError{Field: field, Rule: rule, Value: strconv.Quote(broker.Cut(value, 40))}
	}
}

// number returns a whole number, or its default if there is none.
func (p *params) number(field string, least, most, def int) int {
	value := p.values.Get(field)
	if value == "" {
		return def
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		p.refuse(field, fmt.Sprintf("must be a whole number from %d to %d", least, most), value)
		return def
	}
	return n
}

// rate returns a number of things a second; 0: as fast as can be.
func (p *params) rate(field string) float64 {
	value := p.values.Get(field)
	if value == "" {
		return 0
	}
	const least, most = 0.001, 1e6
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || math.IsNaN(n) || n != 0 && (n < least || n > most) {
		p.refuse(field, "must be 0, or a number from 0.001 to 1000000", value)
		return 0
	}
	return n
}

// text returns a text of bounded length.
func (p *params) text(field string, most int) string {
	value := p.values.Get(field)
	if len(value) > most || !utf8.ValidString(value) {
		p.refuse(field, fmt.Sprintf("must be at most %d bytes of UTF-8", most), value)
		return ""
	}
	return value
}

// choice returns one of several words, or the first if there is none.
func (p *params) choice(field string, words ...string) string {
	value := p.values.Get(field)
	switch {
	case value == "":
		return words[0]
	case !slices.Contains(words, value):
		p.refuse(field, "must be one of "+strings.Join(words, ", "), value)
	}
	return value
}

// queue returns the name of a queue, "default" if there is none.
func (p *params) queue() string {
	name := p.values.Get("queue")
	if name == "" {
		return task.DefaultQueue
	}
	if err := broker.CheckQueue("queue", name); err != nil && p.err == nil {
		p.err = err
	}
	return name
}

func (p *params) status() task.Status {
	words := []string{string(task.StatusPending)}
	for _, s := range task.Statuses() {
		words = append(words, string(s))
	}
	return task.Status(p.choice("state", words...))
}

// ids returns the tasks that were chosen, at least one.
func (p *params) ids() []uuid.UUID {
	values := p.values["id"]
	if len(values) == 0 || len(values) > maxChosen {
		p.refuse("id", fmt.Sprintf("must be given 1 to %d times", maxChosen), strconv.Itoa(len(values)))
		return nil
	}
	ids := make([]uuid.UUID, len(values))
	for i, value := range values {
		id, err := uuid.Parse(value)
		if err != nil {
			p.refuse("id", "must be a UUID", value)
			return nil
		}
		ids[i] = id
	}
	return ids
}

// minutes returns how far back charts go.
func (p *params) minutes() int { return p.number("minutes", 10, 24*60, 60) }
