package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestWriteFileReplacesContentAndMode(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	for _, tt := range []struct {
		content string
		perm    fs.FileMode
	}{
		{content: "first", perm: 0o600},
		{content: "second, longer", perm: 0o644},
		{content: "", perm: 0o600},
	} {
		if err := WriteFile(path, []byte(tt.content), tt.perm); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil || string(got) != tt.content || info.Mode() != tt.perm {
			t.Errorf("got %q, mode %v, %v, %v; want %q, mode %v", got, info.Mode(), err, statErr, tt.content, tt.perm)
		}
	}
	checkEntries(t, filepath.Dir(path), 1)
}

func TestWriteFileReplacesSymlink(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "target")
	if err := os.WriteFile(outside, []byte("unchanged"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "link")
	if err := os.Symlink(outside, path); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(outside); err != nil || string(got) != "unchanged" {
		t.Errorf("target of the link: %q, %v", got, err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "new" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestFailedWriteKeepsOldContent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "directory"), []byte("x"), 0o600); err == nil {
		t.Error("a directory was replaced")
	}
	if err := WriteFile(filepath.Join(dir, "missing", "file"), []byte("x"), 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	checkEntries(t, dir, 1)
}

func TestCloseWithoutCommitRemoves(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := Create(filepath.Join(dir, "file"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // Close is idempotent
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := f.Commit(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("Commit after Close: %v", err)
	}
	checkEntries(t, dir, 0)
}

func TestAnonymousHasNoName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := Anonymous(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("content"); err != nil {
		t.Error(err)
	}
	checkEntries(t, dir, 0)
	if err := SyncDir(dir); err != nil {
		t.Error(err)
	}
}

func checkEntries(t *testing.T, dir string, want int) {
	t.Helper()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != want {
		t.Errorf("%d entries, %v; want %d", len(entries), err, want)
	}
}
