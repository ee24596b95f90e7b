package jobsy_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nex-gen-tech/jobsy"
	"github.com/nex-gen-tech/jobsy/broker/redis"
	"github.com/nex-gen-tech/jobsy/internal/redistest"
	"github.com/nex-gen-tech/jobsy/task"
)

// logBook keeps what is logged, and tells of lines with a word.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
	word string
	seen chan struct{} // closed when the word was seen
}

func (l *logBook) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.word != "" && bytes.Contains(line, []byte(l.word)) {
		close(l.seen)
		l.word = ""
	}
	return l.text.Write(line)
}

func (l *logBook) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A server that is started while Redis is away says so, and works within a
// second of Redis coming back.
func TestServerStartsWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	redisServer := redistest.Start(t)
	redisServer.Kill()
	b, err := redis.Open(redisServer.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	book := &logBook{word: "cannot lease tasks", seen: make(chan struct{})}
	server := jobsy.NewServer(b, &jobsy.ServerOptions{Logger: book.logger()})
	ran := make(chan time.Time, 1)
	server.HandleFunc("work", func(context.Context, *task.Task) error { ran <- time.Now(); return nil })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()

	<-book.seen
	<-time.After(awayFor) // Redis stays away
	redisServer.Restart(t)
	back := time.Now()
	producer, err := redis.Open(redisServer.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	if err := jobsy.NewClient(producer, nil).Enqueue(t.Context(), task.New("work", nil)); err != nil {
		t.Fatal(err)
	}
	if took := (<-ran).Sub(back); took > time.Second {
		t.Errorf("the first task ran %s after Redis was back, want a second at most", took)
	} else {
		t.Logf("the first task ran %s after Redis was back", took)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := strings.Count(book.String(), "cannot lease tasks"); n != 1 {
		t.Errorf("the outage was logged %d times, want once:\n%s", n, book)
	}
}

const awayFor = 3 * time.Second
