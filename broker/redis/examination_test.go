package redis

import (
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// Where there are more leases than a script can read, what is broken is found all
// the same, and what is not, is not. It is left, for nothing can be sure.
func TestDoctorWithMoreLeasesThanAScriptReads(t *testing.T) {
	t.Parallel()
	client := goredis.NewClient(&goredis.Options{Addr: miniredis.RunT(t).Addr()})
	defer client.Close()
	b := New(client, nil)
	defer b.Close()
	var tasks []*task.Task
	for range 10 {
		tasks = append(tasks, task.New("work", nil))
	}
	if errs := b.Enqueue(t.Context(), tasks); errs != nil {
		t.Fatal(errs)
	}
	leases, err := b.Lease(t.Context(), broker.LeaseRequest{Worker: "w", Queues: []string{"default"}, Max: 9, Duration: time.Minute})
	if err != nil || len(leases) != 9 {
		t.Fatal(leases, err)
	}
	k := b.keys("default")
	lost := encodeID(tasks[9].ID)
	client.ZRem(t.Context(), k.pending(), lost)
	client.HDel(t.Context(), k.tasks(), encodeID(tasks[0].ID))
	client.ZAdd(t.Context(), k.pending(), goredis.Z{Member: encodeID(tasks[1].ID)})
	d := doctor{b, 5}
	e := newExamination(d, "default")
	e.leased = map[string]int{} // as if all leases came after they were read
	if err := e.all(t.Context(), e.checkTypes, e.checkRecords, e.checkSets); err != nil {
		t.Fatal(err)
	}
	want := map[string]Kind{lost: KindNoState, encodeID(tasks[0].ID): KindNoRecord, encodeID(tasks[1].ID): KindTwoStates}
	for _, f := range e.found {
		if want[f.ID] != f.Kind {
			t.Errorf("found %+v", f)
		}
		delete(want, f.ID)
		if err := d.repair(t.Context(), &f); err != ErrNotRepaired {
			t.Errorf("repair: %v, want ErrNotRepaired", err)
		}
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}

func TestLeasedIDIsThatOfTheScripts(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("i", idLength)
	for member, want := range map[string]string{
		id + "|1|2": id, id + "|a|b": id, "x|1|2": "x", "x": "x", "": "", "|1|1": "", "a|1|2|3|4": "a|1|2",
		"a\nb|1|2": "a\nb", "\xff|1|2": "\xff",
	} {
		if got := leasedID(member); got != want {
			t.Errorf("the id in %q is %q, want %q", member, got, want)
		}
	}
}

func FuzzLockIsReadOrRefused(f *testing.F) {
	for _, value := range []string{"", "s|AZMxbqYWf0SuqCWvuHTE7A", "t|AZMxbqYWf0SuqCWvuHTE7A|1", "l|x||0", "g|x|1|2|3|4|5"} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		l, ok := parseLock(value)
		if ok && (!goodID(l.holder) || !strings.HasPrefix(value, l.mode+"|"+l.holder)) {
			t.Errorf("%q is read as %+v", value, l)
		}
	})
}
