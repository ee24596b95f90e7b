package jobsy_test

// The snippets of the Worker's reference page, unchanged, each in the frame that
// it needs to be a function, and a test that it does what the page says.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/storage"
	"github.com/nex-gen-tech/jobsy/task"
)

func quickStart() {
	// Create a new worker
	w := jobsy.NewWorker(&jobsy.WorkerOptions{})

	// Create a context for graceful shutdown
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	// Start the worker
	go func() {
		if err := w.Start(ctx); err != nil {
			log.Printf("Worker stopped with error: %v", err)
		}
	}()

	// Schedule an immediate task
	_, err := w.RunNow("Immediate Task", func() error {
		fmt.Println("Executing Immediate Task")
		return nil
	})
	if err != nil {
		log.Fatalf("Failed to schedule immediate task: %v", err)
	}

	// Schedule a task to run after 5 seconds
	_, err = w.RunAt("Delayed Task", func() error {
		fmt.Println("Executing Delayed Task")
		return nil
	}, time.Now().Add(5*time.Second))
	if err != nil {
		log.Fatalf("Failed to schedule delayed task: %v", err)
	}

	// Run the worker for 10 seconds
	time.Sleep(10 * time.Second)

	// Graceful shutdown
	cancel()
	w.WaitForShutdown(5 * time.Second)
}

// Not parallel: it takes the process's standard output.
func TestReferenceQuickStart(t *testing.T) {
	stdout := os.Stdout
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout = write
	synctest.Test(t, func(*testing.T) { quickStart() })
	os.Stdout = stdout
	write.Close()
	got, err := io.ReadAll(read)
	if want := "Executing Immediate Task\nExecuting Delayed Task\n"; err != nil || string(got) != want {
		t.Errorf("printed %q, %v, want %q", got, err, want)
	}
}

func createWorker() *jobsy.Worker {
	w := jobsy.NewWorker(&jobsy.WorkerOptions{
		Concurrency: 5,
		Timeout:     30 * time.Second,
		Priority:    task.MediumPriority,
		MaxRetry:    3,
	})
	return w
}

func startWorker(w *jobsy.Worker) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	time.AfterFunc(24*time.Hour, cancel) // the page leaves the end open

	err := w.Start(ctx)
	return err
}

func runImmediately(w *jobsy.Worker) (*task.Task, error) {
	task, err := w.RunNow("Immediate Task", func() error {
		// Task logic here
		return nil
	})
	return task, err
}

func runInFuture(w *jobsy.Worker) (*task.Task, error) {
	task, err := w.RunAt("Scheduled Task", func() error {
		// Task logic here
		return nil
	}, time.Now().Add(1*time.Hour))
	return task, err
}

func runRecurring(w *jobsy.Worker) (*task.Task, error) {
	task, err := w.RunEvery("Recurring Task", func() error {
		// Task logic here
		return nil
	}, 5*time.Minute)
	return task, err
}

func runCustom(w *jobsy.Worker) (*task.Task, error) {
	task, err := w.Schedule("Custom Task", func() error {
		// Task logic here
		return nil
	}, "*/5 * * * *", jobsy.TaskOptions{
		MaxRetry: 5,
		TimeOut:  10 * time.Second,
	})
	return task, err
}

func getStatus(w *jobsy.Worker, taskID uuid.UUID) (task.Status, error) {
	status, err := w.GetTaskStatus(taskID)
	return status, err
}

func getAll(w *jobsy.Worker) ([]*task.Task, error) {
	tasks, err := w.GetAllTasks()
	return tasks, err
}

func shutDown(w *jobsy.Worker, cancel context.CancelFunc) {
	cancel() // Cancel the context
	w.WaitForShutdown(5 * time.Second)
}

func runRetried(w *jobsy.Worker) (*task.Task, error) {
	task, err := w.RunNow("Retry Task", func() error {
		// Task logic that might fail
		return errors.New("temporary error")
	}, jobsy.TaskOptions{MaxRetry: 5})
	return task, err
}

// setPriority frames a line in which the name task is both a task and the
// package.
func setPriority(t *task.Task) {
	task := struct {
		*task.Task
		HighPriority task.Priority
	}{t, task.HighPriority}

	task.Priority = task.HighPriority
}

// Storage is the interface as the page prints it.
type Storage interface {
	SaveTask(t *task.Task) error
	LoadTask(id uuid.UUID) (*task.Task, error)
	LoadAllTasks() ([]*task.Task, error)
	DeleteTask(id uuid.UUID) error
	UpdateTaskStatus(id uuid.UUID, status task.Status) error
}

func useStorage() *jobsy.Worker {
	customStorage := NewCustomStorage()
	w := jobsy.NewWorker(&jobsy.WorkerOptions{
		Storage: customStorage,
	})
	return w
}

// NewCustomStorage is what a reader of the page would write.
func NewCustomStorage() Storage { return &mapStorage{tasks: make(map[uuid.UUID]*task.Task)} }

type mapStorage struct {
	mu    sync.Mutex
	tasks map[uuid.UUID]*task.Task
}

var _ storage.Storage = (*mapStorage)(nil)

func (s *mapStorage) SaveTask(t *task.Task) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tasks[t.ID] = t.Clone()
	return nil
}

func (s *mapStorage) LoadTask(id uuid.UUID) (*task.Task, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tasks[id]; t != nil {
		return t.Clone(), nil
	}
	return nil, task.ErrNotFound
}

func (s *mapStorage) LoadAllTasks() ([]*task.Task, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var tasks []*task.Task
	for _, t := range s.tasks {
		tasks = append(tasks, t.Clone())
	}
	return tasks, nil
}

func (s *mapStorage) DeleteTask(id uuid.UUID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tasks, id)
	return nil
}

func (s *mapStorage) UpdateTaskStatus(id uuid.UUID, status task.Status) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tasks[id]; t != nil {
		t.Status = status
	}
	return nil
}

func TestReferenceSnippets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := createWorker()
		ended := make(chan error, 1)
		go func() { ended <- startWorker(w) }()

		want := func(tk *task.Task, err error, status task.Status) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := getStatus(w, tk.ID); err != nil || got != status {
				t.Errorf("%s is %s, %v, want %s", tk.Name, got, err, status)
			}
		}
		now, err := runImmediately(w)
		synctest.Wait()
		want(now, err, task.StatusCompleted)
		later, err := runInFuture(w)
		want(later, err, task.StatusScheduled)
		every, err := runRecurring(w)
		want(every, err, task.StatusScheduled)
		custom, err := runCustom(w)
		want(custom, err, task.StatusScheduled)
		retried, err := runRetried(w)
		synctest.Wait()
		want(retried, err, task.StatusRetrying)

		pass(time.Hour)
		want(later, nil, task.StatusCompleted)
		want(retried, nil, task.StatusFailed)
		all, err := getAll(w)
		if err != nil {
			t.Fatal(err)
		}
		ran := make(map[string]int)
		for _, tk := range all {
			if tk.Status == task.StatusCompleted {
				ran[tk.Name]++
			}
			if tk.ID == retried.ID && tk.Attempt != 6 {
				t.Errorf("task with 5 retries had %d attempts", tk.Attempt)
			}
			if tk.Name == "Custom Task" && (tk.MaxRetry != 5 || tk.Timeout != 10*time.Second) {
				t.Errorf("TaskOptions are not in %+v", tk)
			}
		}
		// Completed tasks stay readable for ten minutes: two ticks each.
		if ran["Recurring Task"] < 2 || ran["Custom Task"] < 2 {
			t.Errorf("completed within the last ten minutes: %v", ran)
		}
		pass(24 * time.Hour)
		if err := <-ended; err != nil {
			t.Errorf("Start: %v", err)
		}
	})
}

func TestReferencePriority(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := jobsy.NewWorker(&jobsy.WorkerOptions{Concurrency: 1})
		var order []string
		for _, name := range []string{"first", "urgent"} {
			if err := w.Register(name, func() error { order = append(order, name); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		first, urgent := task.New("first", nil), task.New("urgent", nil)
		setPriority(urgent)
		if err := w.Client().Enqueue(t.Context(), first, urgent); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go w.Start(ctx)
		synctest.Wait()
		if fmt.Sprint(order) != "[urgent first]" {
			t.Errorf("order %v, want the task of high priority first", order)
		}
		shutDown(w, cancel)
	})
}

func TestReferenceStorage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := useStorage()
		later, err := runInFuture(w)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := getStatus(w, later.ID); err != nil || got != task.StatusScheduled {
			t.Errorf("status %s, %v", got, err)
		}
	})
}
