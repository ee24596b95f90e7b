package memory

import (
	"context"
	"time"

	"github.com/nex-gen-tech/jobsy/task"
)

// pen is what a call holds that changes what the storage has: one at a time, in
// the order in which they came. It is held while the storage works, the lock is
// not. Without a storage there is none.
type pen chan struct{} // full while it is held

// take waits for the pen. It does not look at ctx if the pen is free.
func (p pen) take(ctx context.Context, closed <-chan struct{}) error {
	if p == nil {
		return nil
	}
	select {
	case p <- struct{}{}:
		return nil
	default:
	}
	select {
	case p <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-closed:
		return task.ErrClosed
	}
}

func (p pen) putDown() {
	if p != nil {
		<-p
	}
}

// write enters for a call that changes tasks, or what those who change them judge
// by.
func (b *Broker) write(ctx context.Context) (time.Time, error) {
	if err := b.ready(ctx); err != nil {
		return time.Time{}, err
	}
	if err := b.pen.take(ctx, b.done); err != nil {
		return time.Time{}, err
	}
	now, err := b.begin()
	if err != nil {
		b.pen.putDown()
	}
	return now, err
}

// wrote ends a call that was about n tasks.
func (b *Broker) wrote(now time.Time, n int) {
	b.exit(now, n)
	if b.storage != nil {
		b.catchUp(caughtUpAtOnce)
	}
	b.pen.putDown()
}

// each does something to each of the elements that have no error yet. Without a
// storage that is one step for others; with one they come in between.
func (b *Broker) each(ctx context.Context, errs *failures, do func(i int, now time.Time) error) {
	if b == nil || b.storage == nil {
		b.some(ctx, errs, 0, errs.n, do)
		return
	}
	for i := range errs.n {
		b.some(ctx, errs, i, i+1, do)
	}
}

// some does something to the elements from one to before another.
func (b *Broker) some(ctx context.Context, errs *failures, from, to int, do func(i int, now time.Time) error) {
	now, err := b.write(ctx)
	if err == nil {
		defer b.wrote(now, to-from)
	}
	for i := from; i < to; i++ {
		switch {
		case errs.at(i) != nil:
		case err != nil:
			errs.add(i, err)
		default:
			errs.add(i, do(i, now))
		}
	}
}
