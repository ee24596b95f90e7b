package main

import (
	"bytes"
	"context"
	"errors"
	"image"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nex-gen-tech/jobsy/broker/memory"
	"github.com/nex-gen-tech/jobsy/task"
)

// cells are a row's result, its attempts and what is said about the picture.
type cells struct{ result, attempts, note string }

// results returns the table's rows by the picture's name.
func results(output string) map[string]cells {
	row := regexp.MustCompile(`(?m)^(ok|retried|failed|left) +(\d+) +\S+ +\S+(?: k?B)? +\S+(?: k?B)? +([^:\n]+)(?:: (.*))?$`)
	rows := make(map[string]cells)
	for _, match := range row.FindAllStringSubmatch(output, -1) {
		rows[match[3]] = cells{match[1], match[2], match[4]}
	}
	return rows
}

func wantRows(t *testing.T, output string, want map[string]cells) {
	t.Helper()
	got := results(output)
	for name, row := range want {
		found := got[name]
		if found.result != row.result || found.attempts != row.attempts || !strings.Contains(found.note, row.note) {
			t.Errorf("%s is %q, want %q", name, found, row)
		}
	}
	if len(got) != len(want) {
		t.Errorf("the table has %d rows, want %d", len(got), len(want))
	}
	if t.Failed() {
		t.Log(output)
	}
}

func wantBounds(t *testing.T, path string, width, height int) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Error(err)
		return
	}
	defer file.Close()
	config, format, err := image.DecodeConfig(file)
	if err != nil || format != "jpeg" || config.Width != width || config.Height != height {
		t.Errorf("%s is a %s of %dx%d (%v), want a jpeg of %dx%d", path, format, config.Width, config.Height, err, width, height)
	}
}

func TestTableAndThumbnails(t *testing.T) {
	t.Parallel()
	dir, out := gallery(t), t.TempDir()
	var stdout, stderr bytes.Buffer
	if err := run(t.Context(), []string{"-dir", dir, "-out", out, "-size", "40"}, &stdout, &stderr); err != nil {
		t.Fatal(err)
	}

	wantRows(t, stdout.String(), map[string]cells{
		"a.gif":                         {"retried", "2", "ok after simulated outage"},
		"b.jpg":                         {"ok", "1", ""},
		filepath.Join("below", "c.png"): {"ok", "1", ""},
		filepath.Join("below", "d.PNG"): {"ok", "1", ""},
		"a.gif.truncated":               {"failed", "1", "decode: "},
	})
	if want := "3 ok, 1 retried, 1 failed."; !strings.Contains(stdout.String(), want) {
		t.Errorf("the summary lacks %q", want)
	}
	wantBounds(t, filepath.Join(out, "a.gif.thumb.jpg"), 40, 20)
	wantBounds(t, filepath.Join(out, "b.jpg.thumb.jpg"), 20, 40)
	wantBounds(t, filepath.Join(out, "below", "c.png.thumb.jpg"), 40, 40)
	wantBounds(t, filepath.Join(out, "below", "d.PNG.thumb.jpg"), 8, 4) // small already
	if left, _ := filepath.Glob(filepath.Join(out, "*")); len(left) != 4 {
		t.Errorf("the folder holds %q, want two thumbnails, below and the truncated picture", left)
	}
	if stderr.Len() > 0 {
		t.Errorf("no terminal, no progress bar; got %q", stderr.String())
	}
}

func TestPicturesThatComeWithGo(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	var stdout bytes.Buffer
	if err := run(t.Context(), []string{"-out", out}, &stdout, io.Discard); err != nil {
		t.Fatal(err)
	}
	counts := make(map[string]int)
	for _, row := range results(stdout.String()) {
		counts[row.result]++
	}
	if counts["ok"] < 20 || counts["retried"] != 1 || counts["failed"] != 1 || counts["left"] != 0 {
		t.Errorf("results are %v, want many ok, one retried, one failed\n%s", counts, stdout.String())
	}
	if thumbs, _ := filepath.Glob(filepath.Join(out, "*"+thumbnailSuffix)); len(thumbs) != counts["ok"]+counts["retried"] {
		t.Errorf("%d thumbnails, want one for each of %v", len(thumbs), counts)
	}
}

func TestBrokenPictureOfTheUser(t *testing.T) {
	t.Parallel()
	dir := gallery(t)
	if err := os.WriteFile(filepath.Join(dir, "z.png"), []byte("no picture\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var stdout bytes.Buffer
	err := run(t.Context(), []string{"-dir", dir, "-out", t.TempDir(), "-faults=false"}, &stdout, io.Discard)
	if err == nil || err.Error() != "1 of 5 pictures failed" || exitCode(err) != 1 {
		t.Errorf("run returned %v, exit code %d", err, exitCode(err))
	}
	wantRows(t, stdout.String(), map[string]cells{
		"a.gif": {"ok", "1", ""}, "b.jpg": {"ok", "1", ""},
		filepath.Join("below", "c.png"): {"ok", "1", ""}, filepath.Join("below", "d.PNG"): {"ok", "1", ""},
		"z.png": {"failed", "1", "decode: image: unknown format"},
	})
}

// interrupted is a store during whose first call the user presses Ctrl-C.
type interrupted struct {
	store
	press context.CancelFunc
}

func (i interrupted) Enqueue(ctx context.Context, tasks []*task.Task) []error {
	defer i.press()
	return i.store.Enqueue(ctx, tasks)
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, press := context.WithCancel(t.Context())
	memory := memory.New(nil)
	defer memory.Close()
	opts := options{dir: gallery(t), out: t.TempDir(), size: 40, concurrency: 2}
	var stdout bytes.Buffer
	err := enqueueAndWork(ctx, interrupted{memory, press}, opts, &stdout, io.Discard)
	if !errors.Is(err, errInterrupted) || exitCode(err) != 130 {
		t.Errorf("run returned %v, exit code %d", err, exitCode(err))
	}
	if want := "4 left."; !strings.Contains(stdout.String(), want) {
		t.Errorf("the summary lacks %q\n%s", want, stdout.String())
	}
}
