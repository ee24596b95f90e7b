package jobsy_test

import (
	"context"
	"errors"
	"testing"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/task"
)

func TestHandleGroupFailsAsAWhole(t *testing.T) {
	mails := task.Kind[int]{Name: "mail", MaxRetry: -1}
	ran := false
	inBubble(t, nil, func(s *jobsy.Server) {
		jobsy.HandleGroup(s, mails, func(context.Context, []int) error { ran = true; return nil })
	}, func(r *rig) {
		good, bad := mails.New(1), task.New("mail", []byte("not a number"))
		good.Gather = task.Gather{Key: "a", Size: 2}
		bad.Gather, bad.MaxRetry = good.Gather, -1
		r.enqueue(good)
		r.enqueue(bad)
		if found := r.want(good, task.StatusFailed, 1); ran || len(found.Members) != 1 {
			r.t.Errorf("ran %t, failed as %+v", ran, found)
		}
	})
	nothing := jobsy.NewServer(nil, nil)
	jobsy.HandleGroup(nothing, mails, nil)
	jobsy.HandleResult[int, int](nothing, task.Kind[int]{Name: "other"}, nil)
	if err := nothing.Run(t.Context()); !errors.Is(err, task.ErrInvalid) {
		t.Errorf("nil handlers: %v", err)
	}
}
