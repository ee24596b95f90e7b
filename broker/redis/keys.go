package redis

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/broker"
)

// keys builds the keys of one queue. They share a hash tag, so that a script
// finds all of them in one slot of a Cluster.
type keys struct {
	base string // "jobsy:{default}:"
}

func (b *Broker) keys(queue string) keys {
	return keys{b.prefix + ":{" + queue + "}:"}
}

func (b *Broker) queuesKey() string { return b.prefix + ":queues" }

func (k keys) tasks() string      { return k.base + "tasks" }
func (k keys) pending() string    { return k.base + "pending" }
func (k keys) scheduled() string  { return k.base + "scheduled" }
func (k keys) retrying() string   { return k.base + "retrying" }
func (k keys) running() string    { return k.base + "running" }
func (k keys) completed() string  { return k.base + "completed" }
func (k keys) failed() string     { return k.base + "failed" }
func (k keys) cancelled() string  { return k.base + "cancelled" }
func (k keys) seq() string        { return k.base + "seq" }
func (k keys) arrivals() string   { return k.base + "arrivals" }
func (k keys) wake() string       { return k.base + "wake" }
func (k keys) schedules() string  { return k.base + "schedules" }
func (k keys) plans() string      { return k.base + "plans" }
func (k keys) halted() string     { return k.base + "halted" }
func (k keys) paused() string     { return k.base + "paused" }
func (k keys) dropped() string    { return k.base + "dropped" }
func (k keys) locks() string      { return k.base + "locks" }
func (k keys) lapses() string     { return k.base + "lapses" }
func (k keys) waited() string     { return k.base + "waited" }
func (k keys) progress() string   { return k.base + "progress" }
func (k keys) cancelling() string { return k.base + "cancelling" }
func (k keys) parked() string     { return k.base + "parked" }

// news is the channel on which those who wait hear of this queue.
func (k keys) news() string { return k.base + "news" }

func (k keys) reply(caller string) string { return k.base + "reply:" + caller }

// figures is the key of what was recorded in a period, names that of the same by
// the names of tasks.
func (k keys) figures(step time.Duration, number int64) string {
	return k.base + "figures" + periodName(step, number)
}

func (k keys) names(step time.Duration, number int64) string {
	return k.base + "names" + periodName(step, number)
}

// periodName is ":MINUTE" or "10:N".
func periodName(step time.Duration, number int64) string {
	minutes := ""
	if step != time.Minute {
		minutes = strconv.Itoa(int(step / time.Minute))
	}
	return minutes + ":" + strconv.FormatInt(number, 10)
}

// passingTypes has the type of each key that goes by itself, by what stands before the
// colon in its name.
var passingTypes = map[string]string{
	"reply": "string", "figures": "string", "names": "hash", "figures10": "string", "names10": "hash",
}

// passingType returns the type of a key that goes by itself, or "" if that is
// the name of none.
func passingType(name string) string {
	what, which, _ := strings.Cut(name, ":")
	if which == "" {
		return ""
	}
	return passingTypes[what]
}

// The KEYS of each script, in the order in which it documents them.

func (k keys) enqueue(caller string) []string {
	return []string{
		k.tasks(), k.pending(), k.scheduled(), k.seq(), k.wake(), k.reply(caller),
		k.retrying(), k.completed(), k.failed(), k.cancelled(), k.locks(), k.lapses(),
		k.arrivals(),
	}
}

func (k keys) lease(caller string) []string {
	return []string{
		k.tasks(), k.pending(), k.scheduled(), k.retrying(), k.running(), k.seq(), k.wake(), k.reply(caller),
		k.paused(), k.cancelling(), k.parked(),
	}
}

func (k keys) extend() []string { return []string{k.running(), k.cancelling(), k.progress()} }

func (k keys) settle(caller string) []string {
	return []string{
		k.tasks(), k.pending(), k.scheduled(), k.retrying(), k.running(), k.completed(),
		k.failed(), k.cancelled(), k.seq(), k.wake(), k.reply(caller),
		k.cancelling(), k.waited(), k.progress(), k.locks(), k.parked(),
	}
}

func (k keys) revise(caller string) []string {
	return []string{
		k.tasks(), k.pending(), k.scheduled(), k.retrying(), k.completed(), k.failed(), k.cancelled(),
		k.seq(), k.wake(), k.reply(caller), k.cancelling(), k.progress(), k.waited(), k.locks(),
	}
}

func (k keys) sweep() []string {
	return []string{
		k.tasks(), k.completed(), k.failed(), k.cancelled(), k.dropped(), k.waited(),
		k.locks(), k.lapses(), k.pending(), k.scheduled(), k.seq(), k.wake(), k.parked(),
	}
}

func (k keys) find() []string {
	return []string{
		k.tasks(), k.pending(), k.scheduled(), k.retrying(), k.completed(), k.failed(), k.cancelled(),
		k.progress(), k.waited(),
	}
}

func (k keys) tick(caller string) []string {
	return []string{
		k.tasks(), k.pending(), k.scheduled(), k.seq(), k.wake(), k.reply(caller), k.schedules(),
		k.completed(), k.failed(), k.cancelled(), k.halted(), k.arrivals(),
		k.retrying(), k.locks(), k.lapses(),
	}
}

func (k keys) record(at time.Time, caller string) []string {
	var all []string
	for _, r := range broker.Resolutions() {
		all = append(all, k.figures(r.Step, r.Number(at)), k.names(r.Step, r.Number(at)))
	}
	return append(all, k.reply(caller), k.arrivals())
}

func (k keys) plan() []string { return []string{k.schedules(), k.plans(), k.halted()} }

func (k keys) oldest() []string {
	return []string{k.tasks(), k.pending(), k.scheduled(), k.retrying()}
}

func (k keys) examine() []string {
	return []string{
		k.tasks(), k.pending(), k.scheduled(), k.retrying(), k.completed(), k.failed(), k.cancelled(), k.running(),
	}
}

func (k keys) mend() []string {
	return append(k.examine(), k.seq(), k.wake(), k.locks(), k.lapses(), k.cancelling(), k.progress(), k.parked())
}

// idLength is that of an id as a hash field and set member: base64url without
// padding, the longest text that Redis keeps in 24 bytes.
const idLength = 22

func encodeID(id uuid.UUID) string { return base64.RawURLEncoding.EncodeToString(id[:]) }

func decodeID(text string) (uuid.UUID, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return uuid.Nil, err
	}
	return uuid.FromBytes(raw)
}

// A lease's member in the running set is "id|deliveries|token".

func member(l *broker.Lease) string {
	return encodeID(l.ID) + "|" + strconv.Itoa(l.Deliveries) + "|" + strconv.FormatInt(l.Token, 10)
}

func parseMember(member string) (l broker.Lease, ok bool) {
	parts := strings.Split(member, "|")
	if len(parts) != 3 {
		return l, false
	}
	var errs [3]error
	l.ID, errs[0] = decodeID(parts[0])
	l.Deliveries, errs[1] = strconv.Atoi(parts[1])
	l.Token, errs[2] = strconv.ParseInt(parts[2], 10, 64)
	return l, errs == [3]error{}
}
