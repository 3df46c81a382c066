package workspace

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/org/linuxkit-action/internal/markup"
)

// OpenDir opens a folder to create files in, and makes it with its parents where it is
// missing. No element of the path below the repository may be a symbolic link, else the
// error wraps ErrLink. The caller closes the folder.
func OpenDir(dir string) (*os.Root, error) {
	base, rel, err := Root(dir)
	if err != nil {
		return nil, err
	}
	if rel == "." { // the root of a file system
		return os.OpenRoot(base)
	}
	if insideGit(rel) {
		return nil, pathError(dir, ErrProtected, "choose a folder outside .git")
	}
	if err := os.MkdirAll(base, 0o755); err != nil {
		return nil, plain(dir, err)
	}
	root, err := os.OpenRoot(base)
	if err != nil {
		return nil, plain(dir, err)
	}
	for element := range strings.SplitSeq(filepath.ToSlash(rel), "/") {
		next, err := enter(root, element)
		root.Close()
		if err != nil {
			return nil, plain(dir, err)
		}
		root = next
	}
	return root, nil
}

// enter opens a folder of root, or makes it. It compares the folder it opened with the
// one it looked at, so that a link put there in between is noticed.
func enter(root *os.Root, element string) (*os.Root, error) {
	if err := root.Mkdir(element, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	info, err := root.Lstat(element)
	if err != nil {
		return nil, err
	}
	if err := checkFolder(filepath.Join(root.Name(), element), info.Mode()); err != nil {
		return nil, err
	}
	next, err := root.OpenRoot(element)
	if err != nil {
		return nil, err
	}
	opened, err := next.Stat(".")
	if err == nil && !os.SameFile(info, opened) {
		err = pathError(next.Name(), ErrLink, "it was replaced while it was opened")
	}
	if err != nil {
		next.Close()
		return nil, err
	}
	return next, nil
}

func checkFolder(name string, mode fs.FileMode) error {
	switch {
	case mode&fs.ModeSymlink != 0:
		return pathError(name, ErrLink, "files are not created through a link; name the folder it leads to, or remove it")
	case !mode.IsDir():
		return fmt.Errorf("%s: %w", markup.Printable(name), syscall.ENOTDIR)
	}
	return nil
}

// WriteFile replaces a file, whole or not at all. Errors are those of OpenDir and Write.
func WriteFile(name string, content []byte) error {
	dir, err := OpenDir(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	return Write(dir, filepath.Base(name), func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// Write replaces a file of dir with what write produces, whole or not at all: it is
// written under a temporary name, synced and renamed. A name that is in use by anything
// but a regular file is rejected with ErrLink or ErrNotRegular.
func Write(dir *os.Root, base string, write func(io.Writer) error) error {
	f, err := Create(dir, base)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := write(f); err != nil {
		return plain(base, err)
	}
	return f.Commit()
}

// Replaceable reports, as nil, that base is free or a regular file.
func Replaceable(dir *os.Root, base string) error {
	info, err := dir.Lstat(base)
	name := filepath.Join(dir.Name(), base)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return plain(name, err)
	case info.Mode()&fs.ModeSymlink != 0:
		return pathError(name, ErrLink, "it is not replaced; remove it")
	case !info.Mode().IsRegular():
		return pathError(name, ErrNotRegular, "it is "+kindOf(info.Mode())+" and not replaced; remove it")
	}
	return nil
}

// Sync makes renames in dir durable.
func Sync(dir *os.Root) error {
	f, err := dir.Open(".")
	if err != nil {
		return plain(dir.Name(), err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return plain(dir.Name(), err)
	}
	return nil
}

// OpenDevice opens a FIFO or a device for writing; it returns nil where name is neither.
// Inside the repository it is rejected with ErrNotRegular.
func OpenDevice(name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err != nil || info.Mode().IsRegular() || info.IsDir() {
		return nil, nil //nolint:nilerr // a missing file is no device
	}
	root, _, err := Root(name)
	if err != nil {
		return nil, err
	}
	if Exists(filepath.Join(root, gitFolder)) {
		return nil, pathError(name, ErrNotRegular, "it is "+kindOf(info.Mode())+" in the repository; remove it")
	}
	return os.OpenFile(name, os.O_WRONLY, 0)
}
