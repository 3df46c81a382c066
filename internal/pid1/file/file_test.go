package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadHoldsToItsBound(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte(strings.Repeat("x", 5000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := Read(path, 5000); err != nil || len(data) != 5000 {
		t.Errorf("at the bound: %d bytes, %v", len(data), err)
	}
	if _, err := Read(path, 4999); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one over the bound: %v", err)
	}
	if _, err := Read("/dev/zero", 1<<20); !errors.Is(err, ErrTooLarge) {
		t.Errorf("without an end: %v", err)
	}
	if _, err := Read(path+"x", 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}

func TestReadFilesThatSayTheyAreEmpty(t *testing.T) {
	t.Parallel()
	data, err := Read("/proc/self/mountinfo", 1<<20)
	want, _ := os.ReadFile("/proc/self/mountinfo")
	if err != nil || len(data) != len(want) {
		t.Errorf("%d bytes, %v, want %d", len(data), err, len(want))
	}
}

func TestLineAndWrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	if err := Write(path, "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Write made a file: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, "  a b \nsecond\n"); err != nil || Line(path) != "a b" {
		t.Errorf("Line = %q, %v", Line(path), err)
	}
	if Line(path+"x") != "" {
		t.Error("Line of an absent file")
	}
}
