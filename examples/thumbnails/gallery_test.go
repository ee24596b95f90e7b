package main

import (
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// gallery returns a folder with four pictures, and two files that are none.
func gallery(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	paint(t, filepath.Join(dir, "a.gif"), 100, 50, func(w io.Writer, m image.Image) error { return gif.Encode(w, m, nil) })
	paint(t, filepath.Join(dir, "b.jpg"), 60, 120, func(w io.Writer, m image.Image) error { return jpeg.Encode(w, m, nil) })
	paint(t, filepath.Join(dir, "below", "c.png"), 80, 80, png.Encode)
	paint(t, filepath.Join(dir, "below", "d.PNG"), 8, 4, png.Encode)
	for _, name := range []string{"notes.txt", "a.gif" + thumbnailSuffix} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("no picture"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func paint(t *testing.T, path string, width, height int, encode func(io.Writer, image.Image) error) {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for x := range width {
		for y := range height {
			img.Set(x, y, color.RGBA{uint8(x * 255 / width), uint8(y * 255 / height), 128, 255})
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := encode(file, img); err != nil {
		t.Fatal(err)
	}
}
