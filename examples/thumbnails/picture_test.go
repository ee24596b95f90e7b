package main

import (
	"image"
	"strings"
	"testing"
)

func TestFit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ width, height, wantWidth, wantHeight int }{
		{150, 103, 64, 43},
		{103, 150, 43, 64},
		{64, 64, 64, 64},
		{3, 2, 3, 2},
		{5000, 1, 64, 1},
	} {
		got := fit(image.Rect(10, 10, 10+c.width, 10+c.height), 64)
		if want := image.Rect(0, 0, c.wantWidth, c.wantHeight); got != want {
			t.Errorf("%dx%d fits as %v, want %v", c.width, c.height, got, want)
		}
	}
}

func TestDecodeRefusesHugePictures(t *testing.T) {
	t.Parallel()
	header := "GIF89a\xff\xff\xff\xff\x00\x00\x00" // 65535 x 65535 in 13 bytes
	if _, err := decode([]byte(header)); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("decode returned %v, want an error about its size", err)
	}
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	if got, want := oneLine("a\tb\x1b[31m\nstack"), "a b [31m"; got != want {
		t.Errorf("oneLine returned %q, want %q", got, want)
	}
}
