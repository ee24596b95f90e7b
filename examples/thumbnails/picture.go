package main

import (
	"bytes"
	"fmt"
	"image"
	_ "image/gif"
	"image/jpeg"
	_ "image/png"
	"os"
	"path/filepath"

	"golang.org/x/image/draw"
)

// maxPixels bounds what a picture may take in memory. A small file can claim to
// be a huge picture.
const maxPixels = 100_000_000

// picture is one picture to make a thumbnail of.
type picture struct {
	name  string // relative to the folder it was found in
	path  string
	fault fault
}

func decode(file []byte) (image.Image, error) {
	config, _, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	if config.Height > 0 && config.Width > maxPixels/config.Height {
		return nil, fmt.Errorf("decode: %d x %d pixels are too many", config.Width, config.Height)
	}
	decoded, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return decoded, nil
}

// shrink fits a picture into a square of size pixels. What fits already keeps
// its size.
func shrink(original image.Image, size int) image.Image {
	small := image.NewRGBA(fit(original.Bounds(), size))
	draw.Draw(small, small.Bounds(), image.White, image.Point{}, draw.Src) // JPEG knows no transparency
	draw.CatmullRom.Scale(small, small.Bounds(), original, original.Bounds(), draw.Over, nil)
	return small
}

func fit(bounds image.Rectangle, size int) image.Rectangle {
	width, height := bounds.Dx(), bounds.Dy()
	longer := max(width, height)
	if longer > size {
		width, height = max(width*size/longer, 1), max(height*size/longer, 1)
	}
	return image.Rect(0, 0, width, height)
}

// write leaves either the whole picture at path or nothing: two workers that
// write the same one do no harm.
func write(path string, img image.Image) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".writing-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // what is left after an error
	defer file.Close()
	if err := jpeg.Encode(file, img, &jpeg.Options{Quality: 85}); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
