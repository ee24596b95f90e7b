package admin_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"go.uber.org/goleak"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/admin"
	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

// fullBroker is a broker with all that features need.
type fullBroker interface {
	broker.Broker
	broker.Inspector
	broker.Operator
	broker.Notifier
}

// onEachBroker runs a test on every broker there is.
func onEachBroker(t *testing.T, test func(t *testing.T, b fullBroker)) {
	t.Helper()
	on := func(name string, open func(t *testing.T) (fullBroker, error)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = b.Close() })
			test(t, b)
		})
	}
	on("memory", func(*testing.T) (fullBroker, error) { return memory.New(nil), nil })
	on("miniredis", func(t *testing.T) (fullBroker, error) {
		return redis.Open("redis://"+miniredis.RunT(t).Addr(), nil)
	})
	on("redis", func(t *testing.T) (fullBroker, error) { return redis.Open(redistest.Start(t).URL(), nil) })
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// features share a broker, and have a queue each.
var features = map[string]func(*feature){
	"servers":                   listServers,
	"figures":                   figuresOverTime,
	"queues":                    listQueues,
	"remove a schedule":         removeSchedule,
	"schedules":                 listSchedules,
	"overdue schedule":          overdueSchedule,
	"search":                    searchTasks,
	"change all that match":     changeAll,
	"move":                      moveTasks,
	"finish a move":             moveAgain,
	"move one that waits":       moveLatest,
	"move one put off too long": moveBeyondDeadline,
	"move too late":             moveTooLate,
	"move what cannot be moved": moveNone,
	"explain what waits":        explainWaiting,
	"explain what runs":         explainRunning,
	"explain a lapsed lease":    explainLapsed,
	"explain a unique task":     explainUnique,
	"pause":                     pauseAndResume,
	"dead letters":              deadLetters,
	"priority":                  raisePriority,
}

func TestFeatures(t *testing.T) {
	t.Parallel()
	onEachBroker(t, func(t *testing.T, b fullBroker) {
		for name, test := range features {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(&feature{T: t, broker: b, queue: strings.ReplaceAll(name, " ", "-"), client: jobsy.NewClient(b, nil), admin: admin.New(b, nil)})
			})
		}
	})
}

// feature is a test of one.
type feature struct {
	*testing.T
	broker fullBroker
	queue  string
	client *jobsy.Client
	admin  *admin.Client
}

// serve runs a server on the feature's queue until the test ends.
func (f *feature) serve(prepare func(*jobsy.Server)) {
	f.serveOn(f.broker, jobsy.ServerOptions{}, prepare)
}

func (f *feature) serveOn(b broker.Broker, opts jobsy.ServerOptions, prepare func(*jobsy.Server)) {
	opts.Queues = map[string]int{f.queue: 1}
	server := jobsy.NewServer(b, &opts)
	prepare(server)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	f.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			f.Error(err)
		}
	})
}

// task returns one of the feature's queue that stays readable.
func (f *feature) task(payload string) *task.Task {
	t := task.New("work", []byte(payload))
	t.Queue, t.Retention, t.MaxRetry = f.queue, time.Hour, -1
	return t
}

func (f *feature) enqueue(tasks ...*task.Task) *task.Task {
	f.Helper()
	f.must(f.client.Enqueue(f.Context(), tasks...))
	return tasks[0]
}

func (f *feature) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// wait returns a task once it has ended, as it should.
func (f *feature) wait(t *task.Task, status task.Status) *task.Task {
	f.Helper()
	found, err := f.client.Wait(f.Context(), t)
	want := map[task.Status]error{task.StatusFailed: task.ErrFailed, task.StatusCancelled: task.ErrCancelled}[status]
	if !errors.Is(err, want) || found == nil || found.Status != status || found.ID != t.ID || found.EndedAt.IsZero() {
		f.Fatalf("waited for %+v, %v; want it %s", found, err, status)
	}
	return found
}

func (f *feature) get(t *task.Task, status task.Status) *task.Task {
	f.Helper()
	found, err := f.client.Get(f.Context(), t)
	if err != nil || found.Status != status {
		f.Fatalf("got %+v, %v; want it %s", found, err, status)
	}
	return found
}

func receive[T any](f *feature, from <-chan T) (value T) {
	f.Helper()
	select {
	case value = <-from:
	case <-time.After(20 * time.Second):
		f.Fatal("nothing came within 20 seconds")
	}
	return value
}

// lease takes one task as a worker that will die.
func (f *feature) lease() broker.Lease {
	f.Helper()
	leases, err := f.broker.Lease(f.Context(), broker.LeaseRequest{
		Worker: "mortal " + f.queue, Queues: []string{f.queue}, Max: 1, Duration: 50 * time.Millisecond,
	})
	if err != nil || len(leases) != 1 {
		f.Fatalf("leased %v, %v", leases, err)
	}
	return leases[0]
}

// eventually waits until something is so.
func (f *feature) eventually(what string, so func() bool) {
	f.Helper()
	for range 400 {
		if so() {
			return
		}
		<-time.After(25 * time.Millisecond)
	}
	f.Fatal("it is not so after 10 seconds: " + what)
}
