package redis

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker/record"
	"github.com/nex-gen-tech/jobsy/task"
)

// stand is where an id stands, as the examine script says it: 'r' if it has a
// record, then the position in its KEYS of each set, and an 8 a lease.
type stand struct {
	where, record string
}

func (s stand) recorded() bool { return strings.HasPrefix(s.where, "r") }

// places are the positions of the sets it is in, once a lease.
func (s stand) places() string { return strings.TrimPrefix(s.where, "r") }

// states names them.
func (s stand) states() string {
	names := make([]string, 0, len(s.where))
	for _, place := range s.places() {
		names = append(names, string(statusOfPlace(place)))
	}
	return strings.Join(names, ", ")
}

// leasePlace stands for a lease among places.
const leasePlace = '8'

// statusOfPlace is what a set's position stands for. The order is that of
// statusAt but for the running ones.
func statusOfPlace(place rune) task.Status {
	if place == leasePlace {
		return task.StatusRunning
	}
	return statusAt[place-'0']
}

func placeOf(status task.Status) string {
	return string(rune('0' + slices.Index(statusAt, status)))
}

// goodID reports whether a field or member is an id.
func goodID(text string) bool {
	id, err := decodeID(text)
	return err == nil && id != uuid.Nil && encodeID(id) == text
}

var errOtherQueue = errors.New("it is that of a task in another queue")

// read decodes a record as a worker of the queue does.
func read(queue, id, kept string) (*task.Task, error) {
	decoded, _ := decodeID(id)
	t, err := record.Decode(kept, decoded)
	if err == nil && t.Queue != queue {
		err = fmt.Errorf("%w: %q", errOtherQueue, t.Queue)
	}
	return t, err
}

// diagnose says what is wrong with an id that stands there, or nothing.
func diagnose(queue, id string, s stand) (Kind, string) {
	places := s.places()
	switch {
	case s.where == "":
		return "", ""
	case !goodID(id):
		return diagnoseForeign(queue, id, s)
	case !s.recorded():
		return KindNoRecord, "it is " + s.states() + " and has no record"
	case places == "":
		return KindNoState, "its record is in no state"
	case len(places) > 1:
		return KindTwoStates, "it is " + s.states()
	}
	if _, err := read(queue, id, s.record); err != nil {
		return KindBadRecord, fmt.Sprintf("it is %s: %v", s.states(), err)
	}
	return "", ""
}

// diagnoseForeign judges what is no id. What was set aside as failed stays under the
// field in which it was found, and has an id in its record.
func diagnoseForeign(queue, id string, s stand) (Kind, string) {
	places := s.places()
	if s.recorded() && len(places) == 1 && statusOfPlace(rune(places[0])).Ended() {
		if _, err := read(queue, "", s.record); err == nil {
			return "", ""
		}
	}
	detail := fmt.Sprintf("%.40q is no id", id)
	if places != "" {
		detail += "; it is " + s.states()
	}
	return KindBadID, detail
}
