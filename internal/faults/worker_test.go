package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/history"
	"github.com/nex-gen-tech/jobsy/task"
)

// workerVariable has the settings of a worker process, for which this test
// binary is started again.
const workerVariable = "JOBSY_FAULTS_WORKER"

func TestMain(m *testing.M) {
	if settings := os.Getenv(workerVariable); settings != "" {
		if err := workUntilStopped(settings); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m) // no goroutine may be left
}

// settings are what a worker process is told.
type settings struct {
	Name          string
	URL           string
	History       string // path of its file
	Concurrency   int
	Lease         time.Duration
	Shutdown      time.Duration
	MaxDeliveries int
	Memory        int64 // bytes that it may use beyond those it starts with; 0: any
}

// work is what a task asks of its handler.
type work struct {
	Millis int    `json:"ms,omitempty"`
	Fails  int    `json:"fails,omitempty"` // so many attempts fail
	Does   string `json:"does,omitempty"`  // something worse
}

const queue = task.DefaultQueue

func newTask(w work) *task.Task {
	payload, _ := json.Marshal(w)
	t := task.New("work", payload)
	t.Retention = time.Hour // so that all that has ended can be counted
	return t
}

// workUntilStopped is a worker process, until SIGTERM.
func workUntilStopped(encoded string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var s settings
	if err := json.Unmarshal([]byte(encoded), &s); err != nil {
		return err
	}
	if err := limitMemory(s.Memory); err != nil {
		return err
	}
	recorder, err := history.Open(s.History, s.Name)
	if err != nil {
		return err
	}
	b, err := redis.Open(s.URL, nil)
	if err != nil {
		return err
	}
	server := newServer(history.Wrap(b, recorder), recorder, s)
	fmt.Println("ready")
	return errors.Join(server.Run(ctx), b.Close(), recorder.Close())
}

// newServer makes a server of those settings, whose handlers are recorded.
func newServer(b history.Broker, recorder *history.Recorder, s settings) *jobsy.Server {
	server := jobsy.NewServer(b, &jobsy.ServerOptions{
		Name: s.Name, Concurrency: s.Concurrency, LeaseDuration: s.Lease, ShutdownTimeout: s.Shutdown,
		MaxDeliveries: s.MaxDeliveries,
		Backoff:       func(int) time.Duration { return 20 * time.Millisecond },
		Logger:        slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError + 1})),
	})
	server.HandleFunc("work", func(ctx context.Context, t *task.Task) (err error) {
		end := recorder.Run(t)
		returned := false
		defer func() { // of a handler that panics or exits its goroutine, too
			if !returned {
				err = errors.New("did not return")
			}
			end(err)
		}()
		err = handle(ctx, t)
		returned = true
		return err
	})
	return server
}

var errFailed = errors.New("as the task asks")

func handle(ctx context.Context, t *task.Task) error {
	var w work
	if err := json.Unmarshal(t.Payload, &w); err != nil {
		return err
	}
	if w.Millis > 0 {
		timer := time.NewTimer(time.Duration(w.Millis) * time.Millisecond) // the work
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if t.Attempt <= w.Fails {
		return errFailed
	}
	return misbehave(w.Does, t)
}

func misbehave(how string, t *task.Task) error {
	switch how {
	case "panic":
		panic("as the task asks")
	case "goexit":
		runtime.Goexit()
	case "exit":
		os.Exit(3)
	case "exit once":
		if t.Deliveries == 1 {
			os.Exit(3)
		}
	case "hoard":
		hoard()
	case "hoard once":
		if t.Deliveries == 1 {
			hoard()
		}
	case "leak":
		go func() { select {} }()
	case "deaf": // to its context
		<-time.After(3 * time.Second)
	}
	return nil
}

// worker is a process that runs tasks.
type worker struct {
	settings
	cmd   *exec.Cmd
	ended chan struct{} // closed once it has ended, with err
	err   error
	once  sync.Once

	read  int64 // of its history
	begun int   // handlers, as far as that was read
}

func startWorker(t testing.TB, s settings) *worker {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	w := &worker{settings: s, cmd: exec.Command(self), ended: make(chan struct{})}
	w.cmd.Env = append(os.Environ(), workerVariable+"="+string(encoded))
	w.cmd.Stderr = os.Stderr
	stdout, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Errorf("a worker said %q", lines.Text())
	}
	go func() {
		for lines.Scan() { // Wait must not come before the last read
		}
		w.err = w.cmd.Wait()
		close(w.ended)
	}()
	t.Cleanup(w.kill)
	return w
}

func (w *worker) signal(s os.Signal) { _ = w.cmd.Process.Signal(s) }

// freeze stops it in the middle of what it does, until it is thawed.
func (w *worker) freeze() { w.signal(syscall.SIGSTOP) }

func (w *worker) thaw() { w.signal(syscall.SIGCONT) }

// kill ends it at once.
func (w *worker) kill() {
	w.once.Do(func() {
		w.signal(syscall.SIGKILL)
		<-w.ended
	})
}

// stop asks it to end, and returns how it did.
func (w *worker) stop(t testing.TB, within time.Duration) error {
	t.Helper()
	w.signal(syscall.SIGTERM)
	select {
	case <-w.ended:
		return w.err
	case <-time.After(within):
		w.kill()
		return fmt.Errorf("it still ran %s after SIGTERM", within)
	}
}

// alive reports whether it has not ended.
func (w *worker) alive() bool {
	select {
	case <-w.ended:
		return false
	default:
		return true
	}
}
