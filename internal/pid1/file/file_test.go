package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

func TestReadEnforcesItsBound(t *testing.T) {
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
		t.Errorf("endless file: %v", err)
	}
	if _, err := Read(path+"x", 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}

func TestReadFilesOfSizeZero(t *testing.T) {
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
		t.Errorf("Write of a missing file: %v", err)
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

func TestDir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := map[string]bool{}
	for i := range 500 { // more than one buffer
		name := strings.Repeat("n", i%200+1) + strconv.Itoa(i)
		want[name] = i%3 == 0
		if err := create(filepath.Join(dir, name), want[name]); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]bool{}
	Dir(dir, func(name string, isDir bool) { got[name] = isDir })
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%d entries, want %d", len(got), len(want))
	}
	Dir(dir+"/none", func(name string, isDir bool) { t.Errorf("missing directory has entry %s", name) })
}

func create(path string, isDir bool) error {
	if isDir {
		return os.Mkdir(path, 0o755)
	}
	return os.WriteFile(path, nil, 0o600)
}

func FuzzEntries(f *testing.F) {
	f.Add([]byte("12345678abcdefgh\x18\x00\x04name\x00"))
	f.Fuzz(func(t *testing.T, buf []byte) {
		total := 0
		entries(buf, func(name string, isDir bool) { total += len(name) })
		if total > len(buf) {
			t.Errorf("%d bytes of names in %d", total, len(buf))
		}
	})
}

func TestRemove(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is missing
		if err := Remove(path); err != nil {
			t.Error(err)
		}
	}
	if err := Remove(filepath.Join("/proc/self", "status")); err == nil {
		t.Error("no error for a file that cannot be removed")
	}
}
