package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// thumbnailSuffix ends the name of every thumbnail.
const thumbnailSuffix = ".thumb.jpg"

// bundled returns the folder of pictures that every Go installation has.
func bundled() (string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("find the pictures that come with Go (name others with -dir): go env GOROOT: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(root)), "src", "image", "testdata"), nil
}

// findPictures returns the pictures in and below dir, thumbnails left out. No
// picture at all is an error.
func findPictures(dir string) ([]picture, error) {
	root, err := filepath.Abs(dir) // a worker may stand in another folder
	if err != nil {
		return nil, err
	}
	var found []picture
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !isPicture(path) {
			return err
		}
		name, err := filepath.Rel(root, path)
		found = append(found, picture{name: name, path: path})
		return err
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("find pictures: %w; name a folder with -dir", err)
	case err != nil:
		return nil, fmt.Errorf("find pictures: %w", err)
	case len(found) == 0:
		return nil, fmt.Errorf("no PNG, JPEG or GIF picture in %s; name a folder with -dir", root)
	}
	return found, nil
}

func isPicture(path string) bool {
	lower := strings.ToLower(path)
	return slices.Contains([]string{".png", ".jpg", ".jpeg", ".gif"}, filepath.Ext(lower)) &&
		!strings.HasSuffix(lower, thumbnailSuffix)
}

// makeOut returns the folder for the thumbnails: the given one, or a new
// temporary one.
func makeOut(dir string) (string, error) {
	if dir == "" {
		return os.MkdirTemp("", "thumbnails-")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return filepath.Abs(dir)
}
