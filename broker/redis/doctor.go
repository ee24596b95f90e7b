package redis

import (
	"context"
	"fmt"

	"github.com/nex-gen-tech/jobsy/broker"
)

const (
	// examinedAtOnce is how many ids one call looks at.
	examinedAtOnce = 100
	// leasesAtOnce is how many leases one script reads at a time: two
	// milliseconds' worth.
	leasesAtOnce = 5_000
	// sightings is how often in a row something has to look broken where there
	// are more leases than that, so that no script can see all at one moment.
	sightings = 5
)

// doctor examines and repairs the keyspace of a broker.
type doctor struct {
	*Broker
	leases int // most leases that one script reads
}

// Examine reads the keyspace and returns what breaks its invariants, which
// docs/wire.md states: of the named queues, or, if none is named, of all queues
// and of the keys beside them. It writes nothing, holds the server for no longer
// than a lease call does, and may run while servers and producers work: what
// moves while it is looked at is judged again at one moment. What breaks
// meanwhile may be missed. It reads all that there is.
//
// With an error it returns what it has found so far.
func (b *Broker) Examine(ctx context.Context, queues ...string) ([]Finding, error) {
	for _, queue := range queues {
		if err := broker.CheckQueue("Queue", queue); err != nil {
			return nil, err
		}
	}
	if err := b.ready(ctx); err != nil {
		return nil, err
	}
	d := doctor{b, leasesAtOnce}
	if len(queues) > 0 {
		return d.examineAll(ctx, queues)
	}
	return d.examineKeyspace(ctx)
}

func (d doctor) examineAll(ctx context.Context, queues []string) (found []Finding, err error) {
	for _, queue := range queues {
		e := newExamination(d, queue)
		err = e.run(ctx)
		found = append(found, e.found...)
		if err != nil {
			return found, wrap(fmt.Sprintf("examine queue %q in redis", queue), err)
		}
	}
	return found, nil
}

// Repair repairs what Examine has found, each by itself and each only if it is
// still broken: scripts judge it again in the step that writes. No task is lost:
// Kind says what becomes of each. The errors are as those of broker.Broker, and
// ErrNotRepaired for what is left as it is. What is mended already is no error.
func (b *Broker) Repair(ctx context.Context, findings []Finding) []error {
	if err := b.ready(ctx); err != nil {
		return all(len(findings), err)
	}
	d, errs := doctor{b, leasesAtOnce}, make([]error, len(findings))
	for _, first := range []bool{true, false} { // without its counter no script works
		for i := range findings {
			if first == (findings[i].Kind == KindBadNumber) {
				errs[i] = wrap("repair in redis", d.repair(ctx, &findings[i]))
			}
		}
	}
	return orNil(errs)
}

// look tells where ids stand at one moment. complete: their leases too.
func (d doctor) look(ctx context.Context, k keys, ids []string, leases, records bool) (stands []stand, complete bool, err error) {
	args := []any{-1, 0}
	if leases {
		args[0] = d.leases
	}
	if records {
		args[1] = 1
	}
	for _, id := range ids {
		args = append(args, id)
	}
	reply, err := examineScript.run(ctx, d.client, k.examine(), args...)
	if err != nil {
		return nil, false, err
	}
	values, ok := reply.([]any)
	if !ok || len(values) != 1+2*len(ids) {
		return nil, false, fmt.Errorf("unexpected reply of the examine script: %v", reply)
	}
	stands = make([]stand, len(ids))
	for i := range stands {
		stands[i].where, _ = values[1+2*i].(string)
		stands[i].record, _ = values[2+2*i].(string)
	}
	looked, _ := values[0].(int64)
	return stands, looked == 1, nil
}

// What the mend script says.
const (
	notBroken = 0
	mended    = 1
)

// mend calls the script of that name; dry: it only looks.
func (d doctor) mend(ctx context.Context, k keys, dry bool, operation string, args ...any) (int64, error) {
	all := []any{0, d.leases, operation}
	if dry {
		all[0] = 1
	}
	reply, err := mendScript.run(ctx, d.client, k.mend(), append(all, args...)...)
	if err != nil {
		return 0, err
	}
	said, ok := reply.(int64)
	if !ok {
		return 0, fmt.Errorf("unexpected reply of the mend script: %v", reply)
	}
	return said, nil
}
