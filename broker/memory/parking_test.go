package memory_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/task"
)

// startAs calls Lease in a goroutine, with a request that may have been changed.
func (r *rig) startAs(ctx context.Context, change func(*broker.LeaseRequest)) <-chan answer {
	done := make(chan answer, 1)
	req := request(1)
	change(&req)
	go func() {
		leases, err := r.Lease(ctx, req)
		done <- answer{leases, err, time.Now()}
	}()
	return done
}

// A parked task wakes those who handle its name, all of them, and nobody else.
func TestParkingWakesThoseWhoHandle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		tasks := labelled(numbers(3)...)
		for _, one := range tasks {
			one.Name = "known"
		}
		r.enqueue(tasks...)
		held := r.lease(3)
		var asked atomic.Int32
		strangers := make([]<-chan answer, 20)
		for i := range strangers {
			strangers[i] = r.startAs(ctx, func(req *broker.LeaseRequest) {
				req.Handles = func(string) bool { asked.Add(1); return false }
			})
			synctest.Wait()
		}
		knowing := make([]<-chan answer, 3)
		for i := range knowing {
			knowing[i] = r.startAs(ctx, func(req *broker.LeaseRequest) {
				req.Handles = func(name string) bool { return name == "known" }
			})
			synctest.Wait()
		}
		r.settleAll(outcomes(broker.Outcome{Status: task.StatusScheduled, Parked: true}, held...))
		synctest.Wait()
		if n := r.answered(knowing); n != 3 {
			t.Errorf("three parked tasks have ended %d calls that handle them", n)
		}
		if n := r.answered(strangers); n != 0 {
			t.Errorf("parked tasks have ended %d calls that do not handle them", n)
		}
		if n := int(asked.Load()); n > len(strangers) {
			t.Errorf("%d calls were asked %d times about one name", len(strangers), n)
		}
	})
}

// What a call is not to have is no reason for it to look, however long it waits.
func TestBarredCallsDoNotSpin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		r.enqueue(labelled(numbers(400)...)...)
		req := request(400)
		req.Duration = time.Second
		if leases, err := r.Lease(ctx, req); len(leases) != 400 {
			t.Fatalf("Lease returned %d leases, %v", len(leases), err)
		}
		barred := r.startAs(ctx, func(req *broker.LeaseRequest) { req.Last, req.NoLast = 2, true })
		synctest.Wait()
		looks := r.Looks()
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := r.Looks() - looks; n != 0 {
			t.Errorf("a call that is to have none of 400 tasks looked %d times", n)
		}
		for i := range 3 { // others drain them meanwhile
			got := <-r.startAs(ctx, func(req *broker.LeaseRequest) { req.Last = 2 })
			if len(got.leases) != 1 || got.leases[0].Deliveries != 2 {
				t.Fatalf("call %d leased %q, %v", i, labels(got.leases), got.err)
			}
			r.settle(task.StatusCompleted, got.leases...)
		}
		r.enqueue(labelled("pending")...)
		got := <-barred
		r.isLeased(got.leases, "pending")
	})
}

// A lease that may be had is found behind others that may not.
func TestBarredTasksHideNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.enqueue(labelled(numbers(900)...)...)
		req := request(900)
		for range 2 { // the first of them is lost once more
			req.Duration = time.Second
			if _, err := r.Lease(context.Background(), req); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			req.Max = 1
		}
		req = request(10)
		req.Last, req.NoLast = 2, true
		leases, err := r.Lease(context.Background(), req)
		if err != nil || len(leases) != 1 || leases[0].Deliveries != 3 {
			t.Errorf("leased %s, %v, want the third delivery of one", fmt.Sprint(labels(leases)), err)
		}
	})
}
