package main

import (
	"bytes"
	"errors"
	"image"
	"os"
	"path/filepath"
)

// fault is something that goes wrong with a picture, on purpose: this is an
// example, and failing is half of a task queue.
type fault string

const (
	truncated fault = "truncated" // the file is cut in the middle
	outage    fault = "outage"    // the first attempt at it fails
)

var errOutage = errors.New("simulated outage")

// addFaults lets the first attempt at the first picture fail, and adds a
// truncated copy of another one, written to out.
func addFaults(pictures []picture, out string) ([]picture, error) {
	pictures[0].fault = outage
	for _, original := range pictures {
		file, err := os.ReadFile(original.path)
		if err != nil {
			return nil, err
		}
		half := file[:len(file)/2]
		if _, _, err := image.Decode(bytes.NewReader(half)); err == nil {
			continue // some formats can be shown from their first half
		}
		cut := picture{name: filepath.Base(original.name) + ".truncated", fault: truncated}
		cut.path = filepath.Join(out, cut.name)
		return append(pictures, cut), os.WriteFile(cut.path, half, 0o644)
	}
	return pictures, nil
}
