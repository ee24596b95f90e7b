package dashboard_test

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/dashboard"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

var scale = flag.Int("scale", 10_000, "how many tasks are `pending` in TestScale, and ten times as many as have failed; from 1,000,000 on, times are checked")

// TestScale: no page takes longer, and no command keeps Redis longer, the more
// tasks there are.
func TestScale(t *testing.T) {
	t.Parallel()
	const pageTime, commandTime = 100 * time.Millisecond, 20 * time.Millisecond
	checked := *scale >= 1_000_000
	server := redistest.Start(t, "--slowlog-log-slower-than", fmt.Sprint(commandTime.Microseconds()))
	b := redis.New(server.Client(t), &redis.Options{Bounds: broker.Bounds{Failed: broker.Bound{Count: 10_000_000}}})
	defer b.Close()
	id := fill(t, b, *scale, *scale/10)
	if err := server.Client(t).SlowLogReset(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}

	handler := dashboard.New(b, &dashboard.Options{Role: operator})
	for _, address := range []string{
		"/", "/?minutes=1440", "/queue", "/queue?minutes=1440", "/tasks", "/tasks?limit=200", "/tasks?text=nothing", "/tasks?name=nothing&state=failed",
		"/tasks?state=failed&limit=200", fmt.Sprintf("/tasks?cursor=%d&limit=200", *scale-500), "/failed", "/failed?cursor=2000", "/task?id=" + id, "/servers", "/schedules",
	} {
		var fastest time.Duration
		for range 3 { // others work on this machine as well
			w := httptest.NewRecorder()
			began := time.Now()
			handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, nil))
			if took := time.Since(began); fastest == 0 || took < fastest {
				fastest = took
			}
			if w.Code != http.StatusOK {
				t.Fatalf("%s: %d\n%s", address, w.Code, w.Body)
			}
		}
		t.Logf("%8s  %s", fastest.Round(100*time.Microsecond), address)
		if checked && fastest > pageTime {
			t.Errorf("%s took %s", address, fastest)
		}
	}
	began := time.Now()
	n, err := jobsy.NewClient(b, nil).RetryFailed(t.Context(), jobsy.FailedGroup{Name: "fails-0"}, 0)
	t.Logf("%8s  to run %d of %d failed again: %v", time.Since(began).Round(time.Millisecond), n, *scale/10, err)
	slow, err := server.Client(t).SlowLogGet(t.Context(), 10).Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range slow {
		t.Logf("slow: %s %.100v", s.Duration, s.Args)
		if checked {
			t.Errorf("a command took %s", s.Duration)
		}
	}
}

// fill enqueues tasks of which some fail, and returns the ID of a pending one.
func fill(t *testing.T, b broker.Broker, pending, failed int) (id string) {
	t.Helper()
	client := jobsy.NewClient(b, nil)
	enqueue := func(n int, name string, each func(i int) string) {
		for done := 0; done < n; done += broker.MaxBatch {
			tasks := make([]*task.Task, min(broker.MaxBatch, n-done))
			for i := range tasks {
				tasks[i] = task.New(name+each(done+i), fmt.Appendf(nil, `{"order":%d,"to":"somebody@example.com"}`, done+i))
			}
			if err := client.Enqueue(t.Context(), tasks...); err != nil {
				t.Fatal(err)
			}
			id = tasks[0].ID.String()
		}
	}
	enqueue(failed, "fails-", func(i int) string { return fmt.Sprint(i % 7) })
	for done := 0; done < failed; {
		leases, err := b.Lease(t.Context(), broker.LeaseRequest{Worker: "w", Queues: []string{"default"}, Max: broker.MaxBatch, Duration: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		outcomes := make([]broker.Outcome, len(leases))
		for i, l := range leases {
			ended := l.Task.Clone()
			ended.EndedAt = time.Now()
			ended.LastError = fmt.Sprintf("dial tcp 10.0.0.%d:25: connect: connection refused (attempt %d of order %q)", i%200, done, ended.ID)
			outcomes[i] = broker.Outcome{Lease: l, Status: task.StatusFailed, Task: ended, Keep: time.Hour}
		}
		if err := errors.Join(b.Settle(t.Context(), outcomes)...); err != nil {
			t.Fatal(err)
		}
		done += len(leases)
	}
	record(t, b)
	enqueue(pending, "waits", func(int) string { return "" })
	return id
}

// record has many names of tasks end in this minute.
func record(t *testing.T, b broker.Broker) {
	t.Helper()
	tallies := make(map[string]broker.Tally)
	for n := range broker.MaxNames {
		tally := broker.Tally{Completed: 1000}
		for i := range 40 {
			tally.Run.Observe(time.Duration(1+i*i) * time.Millisecond)
			tally.Wait.Observe(time.Duration(1+i) * time.Millisecond)
		}
		tallies[fmt.Sprint("name-", n)] = tally
	}
	if m, ok := b.(broker.Monitor); ok {
		if err := m.Record(t.Context(), "default", tallies); err != nil {
			t.Fatal(err)
		}
	}
}
