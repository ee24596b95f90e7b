// Package tasktest has random tasks, and says in what two differ.
package tasktest

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy/task"
)

// Differ names the exported fields in which two tasks differ. Times are equal
// if they are the same instant, and nil is as empty as empty is.
func Differ(a, b *task.Task) string {
	var found []string
	x, y := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for _, field := range reflect.VisibleFields(x.Type()) {
		if !field.IsExported() {
			continue
		}
		v, w := x.FieldByIndex(field.Index), y.FieldByIndex(field.Index)
		if !same(v, w) {
			found = append(found, fmt.Sprintf("%s: %v, %v", field.Name, v, w))
		}
	}
	return strings.Join(found, "; ")
}

func same(v, w reflect.Value) bool {
	if at, ok := v.Interface().(time.Time); ok {
		return at.Equal(w.Interface().(time.Time))
	}
	if (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0 {
		return w.Len() == 0
	}
	return reflect.DeepEqual(v.Interface(), w.Interface())
}

// NewRandom returns a source of random values whose seed is logged.
func NewRandom(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// Random returns a task with every field set, to a value that is not its
// default.
func Random(r *rand.Rand) *task.Task {
	t := &task.Task{
		Name: "n" + text(r, 60), Payload: raw(r, 1+r.IntN(300)), Headers: map[string]string{"": text(r, 9)},
		Queue: "q" + text(r, 30), Priority: pick(r, 1, 127, 129, 255, 1+task.Priority(r.IntN(100))),
		RunAt: instant(r), Deadline: instant(r), EnqueuedAt: instant(r), StartedAt: instant(r), EndedAt: instant(r),
		MaxRetry: pick(r, -1, 1, 24, 26, 1<<30), Timeout: pick(r, -1, 1, time.Hour, 1<<63-1),
		Retention: pick(r, 1, time.Hour, 1<<63-1), Status: pick(r, task.Statuses()...),
		Attempt: pick(r, 1, 127, 128, 1<<31-1), Snoozes: pick[int32](r, 1, 128, 1<<31-1), Excused: pick[int32](r, 1, 128, 1<<31-1),
		Deliveries: pick[int32](r, 1, 300, 1<<31-1), Token: pick(r, 1, 1<<53, 1+r.Int64N(1<<40)),
		LastError: "e" + text(r, 300), Result: raw(r, 1+r.IntN(300)), Worker: "w" + text(r, 30),
	}
	copy(t.ID[:], raw(r, len(uuid.Nil)))
	for range r.IntN(5) {
		t.Headers[text(r, 20)] = text(r, 20)
	}
	t.Unique = task.Unique{
		Mode: task.UntilStarted + task.UniqueMode(r.IntN(5)), Key: "k" + text(r, 9),
		For: pick(r, 1, time.Hour), Limit: pick(r, 0, time.Hour),
	}
	t.Gather = task.Gather{Key: "g" + text(r, 9), Size: 2 + r.IntN(999), Delay: time.Hour, Quiet: pick(r, 1, time.Minute)}
	t.Progress = task.Progress{Fraction: r.Float64(), Text: text(r, 30), At: instant(r)}
	for i := range 1 + r.IntN(3) {
		t.History = append(t.History, task.Run{
			Attempt: i + 1, StartedAt: instant(r), EndedAt: instant(r), Worker: text(r, 9), Error: text(r, 30), Stack: text(r, 30),
		})
		t.Members = append(t.Members, randomMember(r, t.Queue))
	}
	return t
}

// Spoil changes all that a task's fields point to, in place.
func Spoil(t *task.Task) {
	clear(t.Payload)
	clear(t.Result)
	clear(t.History)
	for key := range t.Headers {
		t.Headers[key] += "!"
	}
	for i, m := range t.Members {
		Spoil(m)
		m.Name, t.Members[i] = "spoiled", nil
	}
}

func randomMember(r *rand.Rand, queue string) *task.Task {
	m := task.New("m"+text(r, 9), raw(r, 1+r.IntN(30)))
	m.Headers, m.EnqueuedAt = map[string]string{"h": text(r, 9)}, instant(r)
	m.Queue, m.Priority, m.MaxRetry, m.Timeout = queue, task.MediumPriority, task.DefaultMaxRetry, task.DefaultTimeout
	return m
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// instant goes to the nanosecond, from 1678 to 2262.
func instant(r *rand.Rand) time.Time { return time.Unix(0, int64(r.Uint64())) }

func raw(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.UintN(256))
	}
	return b
}

// text mixes characters of one to four bytes.
func text(r *rand.Rand, most int) string {
	runes := make([]rune, r.IntN(most))
	for i := range runes {
		runes[i] = pick(r, 'a', 'Z', 'é', '→', '語', '🚀')
	}
	return string(runes)
}
