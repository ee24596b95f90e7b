package redis

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// maxMends is how often a repair is tried on what others change meanwhile.
const maxMends = 5

// digestOf is the SHA-1 by which a script tells a record.
func digestOf(record string) string {
	sum := sha1.Sum([]byte(record))
	return hex.EncodeToString(sum[:])
}

func (d doctor) repair(ctx context.Context, f *Finding) error {
	k := d.keys(f.Queue)
	switch f.Kind {
	case KindTwoStates, KindNoState, KindNoRecord, KindBadRecord, KindBadID, KindBadScore:
		return d.place(ctx, k, f)
	case KindStuck:
		args, err := d.holding(ctx, k, f.ID)
		if err != nil {
			return err
		}
		return d.settled(d.mend(ctx, k, false, "held", args...))
	case KindBadLock, KindVoidLock:
		return d.unlock(ctx, k, f.ID)
	case KindVoidMark:
		operation := strings.TrimPrefix(f.Key, k.base)
		if operation == "lapses" {
			operation = "lapse"
		}
		return d.settled(d.mend(ctx, k, false, operation, f.ID))
	case KindBadNumber:
		return d.settled(d.mend(ctx, k, false, "seq", f.ID))
	case KindBadMarker:
		return d.settled(d.mend(ctx, k, false, "wake", f.ID))
	case KindNoExpiry, KindUnnamed, KindNoQueue:
		return d.repairKey(ctx, f)
	}
	return ErrNotRepaired
}

// settled reads what the mend script has said.
func (d doctor) settled(said int64, err error) error {
	if err == nil && said != mended && said != notBroken {
		err = ErrNotRepaired
	}
	return err
}

func (d doctor) unlock(ctx context.Context, k keys, digest string) error {
	value, err := d.client.HGet(ctx, k.locks(), digest).Result()
	if errors.Is(err, goredis.Nil) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, flaw := range flaws(value) {
		if err := d.settled(d.mend(ctx, k, false, "lock", digest, value, flaw)); err != nil {
			return err
		}
	}
	return nil
}

// place puts a task where it belongs. It is judged again, and the script writes
// only if it stands where it was then.
func (d doctor) place(ctx context.Context, k keys, f *Finding) error {
	id := f.ID
	if f.Key == k.running() {
		id = leasedID(id)
	}
	for range maxMends {
		stands, complete, err := d.look(ctx, k, []string{id}, true, true)
		if err != nil {
			return err
		}
		if !complete {
			return ErrNotRepaired
		}
		kind, detail := diagnose(f.Queue, id, stands[0])
		if kind == "" && f.Kind == KindBadScore {
			kind = KindBadScore
		}
		if kind == "" {
			return d.leftOver(ctx, f)
		}
		said, err := d.mend(ctx, k, false, "place", d.placing(f.Queue, id, stands[0], kind, detail).args(id, stands[0])...)
		if err != nil || said != notBroken {
			return d.settled(said, err)
		}
	}
	return ErrNotRepaired
}

// leftOver tells what is no longer broken from a malformed lease, which is for
// whoever leases it.
func (d doctor) leftOver(ctx context.Context, f *Finding) error {
	err := d.client.ZScore(ctx, d.keys(f.Queue).running(), f.ID).Err()
	switch {
	case f.Kind != KindBadID || errors.Is(err, goredis.Nil):
		return nil
	case err == nil:
		return ErrNotRepaired
	}
	return err
}

// placing is where a task is to be.
type placing struct {
	to       string // the position of a set, as a stand has it; "0": nowhere
	anew     bool   // with a new score
	due      int64
	priority task.Priority
	keep     int64
	record   []byte
	lock     string
}

func (p placing) args(id string, s stand) []any {
	anew, digest := 0, ""
	if p.anew {
		anew = 1
	}
	if s.recorded() {
		digest = digestOf(s.record)
	}
	return []any{id, s.where, digest, p.to, anew, p.due, int(p.priority), p.keep, p.record, p.lock}
}

// placing decides where a task belongs that stands where it does not.
func (d doctor) placing(queue, id string, s stand, kind Kind, detail string) placing {
	if !s.recorded() {
		return placing{to: "0"}
	}
	t, err := read(queue, id, s.record)
	if err != nil || kind == KindBadID {
		return placing{
			to: placeOf(task.StatusFailed), anew: true, keep: malformedKeep.Milliseconds(),
			record: standIn(queue, id, s.record, detail),
		}
	}
	to := chosen(t.Status, s.places())
	p := placing{to: to, anew: kind != KindTwoStates, priority: t.Priority, lock: broker.LockKey(t)}
	switch {
	case strings.Contains("34", to) && p.anew:
		p.to = placeOf(task.StatusPending) // or scheduled, as it is due
	case strings.Contains("567", to):
		p.keep = max(d.bounds.Keep(statusOfPlace(rune(to[0])), malformedKeep).Milliseconds(), 1)
	}
	p.due = millis(t.RunAt)
	return p
}

// chosen is the place, of those in which a task stands, where it is to stay. One
// that stands nowhere is where its record says.
func chosen(status task.Status, places string) string {
	ended := ""
	if status.Ended() {
		ended = placeOf(status)
	}
	if ended != "" && (places == "" || strings.Contains(places, ended)) {
		return ended
	}
	for _, place := range "8243657" {
		if strings.ContainsRune(places, place) {
			return string(place)
		}
	}
	return placeOf(task.StatusPending)
}

// standIn is the record of a task in place of what cannot be read, as workers
// make it.
func standIn(queue, id, record, reason string) []byte {
	now := time.Now()
	t := task.Task{
		Name: "malformed", Payload: []byte(record), Queue: queue, Priority: task.MediumPriority,
		Status: task.StatusFailed, LastError: fmt.Sprintf("%s: %s", task.ErrRecord, reason), EnqueuedAt: now, EndedAt: now,
	}
	t.ID = uuid.NewSHA1(uuid.NameSpaceOID, []byte(id))
	if goodID(id) {
		t.ID, _ = decodeID(id)
	}
	return recordUnder(id, t)
}
