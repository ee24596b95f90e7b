package redis_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy/broker"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/task"
)

// contract is all that the broker offers.
type contract interface {
	broker.Broker
	broker.Inspector
	broker.Surveyor
	broker.Operator
	broker.Notifier
	broker.Monitor
	broker.Timetable
	broker.Planner
	Ping(context.Context) error
	Examine(context.Context, ...string) ([]redis.Finding, error)
	Repair(context.Context, []redis.Finding) []error
}

// A broker that nobody made says so, in every call.
func TestNotMade(t *testing.T) {
	t.Parallel()
	for _, b := range []contract{(*redis.Broker)(nil), &redis.Broker{}} {
		for method := range reflect.TypeFor[contract]().Methods() {
			call := reflect.ValueOf(b).MethodByName(method.Name)
			for _, err := range failures(call.Call(arguments(t, call.Type()))) {
				if !errors.Is(err, task.ErrInvalid) {
					t.Errorf("%s of a broker that was not made returned %v, want ErrInvalid", method.Name, err)
				}
			}
		}
	}
}

// arguments are some that get past the first checks, where that is simple.
func arguments(t *testing.T, call reflect.Type) []reflect.Value {
	var args []reflect.Value
	for in := range call.Ins() {
		arg := reflect.New(in).Elem()
		switch in {
		case reflect.TypeFor[context.Context]():
			arg.Set(reflect.ValueOf(t.Context()))
		case reflect.TypeFor[broker.LeaseRequest]():
			arg.Set(reflect.ValueOf(broker.LeaseRequest{Worker: "w", Queues: []string{"q"}, Max: 1, Duration: time.Minute}))
		case reflect.TypeFor[broker.ServerInfo]():
			arg.Set(reflect.ValueOf(broker.ServerInfo{Name: "s"}))
		case reflect.TypeFor[broker.Tick]():
			arg.Set(reflect.ValueOf(broker.Tick{Schedule: "s", Task: task.New("t", nil)}))
		case reflect.TypeFor[broker.Plan]():
			arg.Set(reflect.ValueOf(broker.Plan{Spec: "@daily", Task: task.New("t", nil)}))
		case reflect.TypeFor[task.Status]():
			arg.Set(reflect.ValueOf(task.StatusPending))
		case reflect.TypeFor[[]string]():
			arg.Set(reflect.ValueOf([]string{"q"}))
		default:
			fill(arg)
		}
		args = append(args, arg)
	}
	if call.IsVariadic() {
		args = args[:len(args)-1]
	}
	return args
}

func fill(arg reflect.Value) {
	switch arg.Kind() {
	case reflect.String:
		arg.SetString("q")
	case reflect.Int, reflect.Int64:
		arg.SetInt(int64(time.Minute))
	case reflect.Slice:
		arg.Set(reflect.MakeSlice(arg.Type(), 1, 1))
	}
	if arg.Type() == reflect.TypeFor[int]() {
		arg.SetInt(1)
	}
}

// failures returns the errors of a call, of which there must be at least one.
func failures(results []reflect.Value) []error {
	switch last := results[len(results)-1].Interface().(type) {
	case error:
		return []error{last}
	case []error:
		if len(last) > 0 {
			return last
		}
	}
	return []error{errors.New("no error")}
}
