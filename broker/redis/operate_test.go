package redis

import (
	"errors"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// Changes of one task that travel together are made one after the other: else it
// would be in two states.
func TestTwoChangesOfOneTaskInOneBatch(t *testing.T) {
	t.Parallel()
	client := goredis.NewClient(&goredis.Options{Addr: miniredis.RunT(t).Addr()})
	defer client.Close()
	b := New(client, nil)
	defer b.Close()
	work := task.New("work", nil)
	if errs := b.Enqueue(t.Context(), []*task.Task{work}); errs != nil {
		t.Fatal(errs)
	}
	found, err := b.sightings(t.Context(), "default", []uuid.UUID{work.ID}, []int{0})
	if err != nil {
		t.Fatal(err)
	}
	var items []item
	for _, change := range []broker.Change{{Status: task.StatusCancelled, Keep: 1 << 40}, {Priority: 7}} {
		it, err := b.revision("default", work.ID, &found[0], &change, 0)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, *it)
	}
	errs := b.revisions.do(t.Context(), items)
	if len(errs) != 2 || errs[0] != nil || !errors.Is(errs[1], errMoved) {
		t.Errorf("revise: %v, want that the second is to be tried again", errs)
	}
	if found, err := b.Examine(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("Examine found %+v, %v", found, err)
	}
}
