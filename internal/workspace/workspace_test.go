package workspace

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// repository makes a folder with .git, some files and links in it, and a file outside.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	repo := filepath.Join(dir, "repo")
	for _, folder := range []string{".git", "images/web", "real"} {
		if err := os.MkdirAll(filepath.Join(repo, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(repo, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(".git/config", "token")
	write("keys.pub", "key")
	write("../netrc", "secret")
	write("linuxkit.yml", "kernel")
	for name, target := range map[string]string{
		"images/web/keys.pub": "../../keys.pub",
		"lock":                "../netrc",
		"absolute":            filepath.Join(dir, "netrc"),
		"config":              ".git/config",
		"linked":              "real",
		"loop":                "loop",
	} {
		if err := os.Symlink(target, filepath.Join(repo, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(repo, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	return repo
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	repo := repository(t)
	for name, want := range map[string]error{
		"keys.pub":               nil,
		"images/web/keys.pub":    nil, // a link inside the repository
		"lock":                   ErrOutside,
		"absolute":               ErrOutside,
		"config":                 ErrProtected,
		".git/config":            ErrProtected,
		"images/../.git/config":  ErrProtected,
		"fifo":                   ErrNotRegular,
		"images":                 ErrNotRegular,
		"missing":                fs.ErrNotExist,
		"linuxkit.yml":           ErrTooLarge,
		"loop":                   syscall.ELOOP,
		"linuxkit.yml/something": syscall.ENOTDIR,
	} {
		content, err := ReadFile(filepath.Join(repo, name), 5)
		if !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", name, err, want)
		}
		if want == nil && string(content) != "key" {
			t.Errorf("%s: content %q", name, content)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error quotes the content: %v", name, err)
		}
	}
}

func TestReadFileWithoutRepositoryStaysInItsFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "outside"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../outside", filepath.Join(dir, "folder", "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(filepath.Join(dir, "folder", "link"), 10); !errors.Is(err, ErrOutside) {
		t.Errorf("error %v, want %v", err, ErrOutside)
	}
}

func TestOpenOutsideRejectsGit(t *testing.T) {
	t.Parallel()
	repo := repository(t)
	for name, want := range map[string]error{
		"../netrc":    nil,
		"lock":        nil,
		"config":      ErrProtected,
		".git/config": ErrProtected,
		"fifo":        ErrNotRegular,
	} {
		f, err := OpenOutside(filepath.Join(repo, name))
		if !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", name, err, want)
		}
		if err == nil {
			f.Close()
		}
	}
}

func TestOpenDirRejectsLinks(t *testing.T) {
	t.Parallel()
	repo := repository(t)
	for name, want := range map[string]error{
		"out":            nil,
		"out/report":     nil,
		"real/new":       nil,
		"linked":         ErrLink,
		"linked/report":  ErrLink,
		"lock":           ErrLink,
		".git/hooks":     ErrProtected,
		"keys.pub":       syscall.ENOTDIR,
		"keys.pub/below": syscall.ENOTDIR,
	} {
		dir, err := OpenDir(filepath.Join(repo, name))
		if !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", name, err, want)
		}
		if err == nil {
			dir.Close()
		}
	}
}

func TestWriteReplacesOnlyRegularFiles(t *testing.T) {
	t.Parallel()
	repo := repository(t)
	for name, want := range map[string]error{
		"keys.pub": nil,
		"new":      nil,
		"lock":     ErrLink,
		"config":   ErrLink,
		"fifo":     ErrNotRegular,
		"images":   ErrNotRegular,
	} {
		if err := WriteFile(filepath.Join(repo, name), []byte("x")); !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", name, err, want)
		}
	}
	if content, err := os.ReadFile(filepath.Join(repo, "../netrc")); err != nil || string(content) != "secret" {
		t.Errorf("the file outside changed: %q, %v", content, err)
	}
}

func TestWriteLeavesNothingAfterAnError(t *testing.T) {
	t.Parallel()
	dir, err := OpenDir(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	err = Write(dir, "file", func(w io.Writer) error {
		_, _ = io.WriteString(w, "part")
		return io.ErrUnexpectedEOF
	})
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want %v", err, io.ErrUnexpectedEOF)
	}
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestErrorsEscapeNames(t *testing.T) {
	t.Parallel()
	_, err := ReadFile(filepath.Join(t.TempDir(), "a\n::error::b\x1b[31m"), 1)
	if err == nil || strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("error %q has control characters", err)
	}
}

func TestCheckSecret(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "config.json")
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", dir)
	if err := os.Link(secret, filepath.Join(dir, "harmless")); err != nil {
		t.Fatal(err)
	}
	f, err := Open(filepath.Join(dir, "harmless"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := CheckSecret(f); !errors.Is(err, ErrProtected) {
		t.Errorf("error %v, want %v", err, ErrProtected)
	}
}
