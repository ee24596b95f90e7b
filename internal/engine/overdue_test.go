package engine

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"github.com/nex-gen-tech/jobsy/task"
)

// gate is where handlers of a test wait.
type gate struct{ begun, release chan bool }

func (g *gate) red(context.Context, *task.Task) error  { return g.wait() }
func (g *gate) blue(context.Context, *task.Task) error { return g.wait() }

func (g *gate) wait() error {
	g.begun <- true
	<-g.release
	return nil
}

// Of two handlers that run each has its own stack, and of one that does not there
// is none.
func TestStackOf(t *testing.T) {
	t.Parallel()
	one, other, none := &handlerContext{}, &handlerContext{}, &handlerContext{}
	ended, g := make(chan error), &gate{make(chan bool), make(chan bool)}
	go func() { ended <- one.call(g.red) }()
	go func() { ended <- other.call(g.blue) }()
	<-g.begun
	<-g.begun
	dump := make([]byte, maxDump)
	dump = dump[:runtime.Stack(dump, true)]
	close(g.release)
	<-ended
	<-ended
	for c, names := range map[*handlerContext][2]string{one: {"(*gate).red", "(*gate).blue"}, other: {"(*gate).blue", "(*gate).red"}} {
		if stack := stackOf(dump, c); !strings.HasPrefix(stack, "goroutine ") || !strings.Contains(stack, names[0]) || strings.Contains(stack, names[1]) {
			t.Errorf("want the stack with %s, found\n%s", names[0], stack)
		}
	}
	if stack := stackOf(dump, none); stack != "not found" {
		t.Errorf("of one that does not run: %s", stack)
	}
}
