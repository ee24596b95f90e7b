package main

import (
	"testing"

	goredis "github.com/redis/go-redis/v9"
)

func TestDoctor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.enqueue("mail", "work", 5)
	r.has(r.ok("doctor"), "nothing is broken")
	// What is no id, and a key that is none of a queue's.
	client := r.server.Client(t)
	if err := client.ZAdd(t.Context(), "jobsy:{mail}:pending", goredis.Z{Score: 1, Member: "no\x1bid"}).Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.Set(t.Context(), "jobsy:{mail}:stray", 1, 0).Err(); err != nil {
		t.Fatal(err)
	}
	got := r.run("doctor", "--json")
	if v := r.value(got.out); got.code != 1 || v["total"].(float64) < 2 || v["left"] != v["total"] {
		t.Fatalf("doctor exits with %d and finds %s", got.code, got.out)
	}
	r.fails(2, []string{"--yes must be given", "repair"}, "doctor", "--repair")
	repaired := r.run("doctor", "--repair", "--yes")
	r.has(repaired.out, "bad id", "yes", "lost key", "no: ", "1 left as they are")
	if repaired.code != 1 { // the stray key is left
		t.Errorf("the repair exits with %d", repaired.code)
	}
	if err := client.Del(t.Context(), "jobsy:{mail}:stray").Err(); err != nil {
		t.Fatal(err)
	}
	r.has(r.ok("doctor", "--queue", "mail"), "nothing is broken")
}
