package workspace

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// File is a new file under a temporary name. Commit gives it its own name; Close without
// Commit removes it.
type File struct {
	*os.File
	dir       *os.Root
	temporary string
	base      string
	done      bool
}

// Create begins a file of dir, which stays open until Commit or Close. Errors are those of
// Replaceable.
func Create(dir *os.Root, base string) (*File, error) {
	if err := Replaceable(dir, base); err != nil {
		return nil, err
	}
	temporary := "." + base + "-" + rand.Text()
	f, err := dir.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if err != nil {
		return nil, plain(base, err)
	}
	return &File{File: f, dir: dir, temporary: temporary, base: base}, nil
}

// Commit syncs the file and renames it. After an error the file is removed.
func (f *File) Commit() error {
	if f.done {
		return fs.ErrClosed
	}
	f.done = true
	err := errors.Join(f.Sync(), f.File.Close())
	if err == nil {
		err = f.dir.Rename(f.temporary, f.base)
	}
	if err != nil {
		f.dir.Remove(f.temporary)
		return plain(f.base, err)
	}
	return Sync(f.dir)
}

// Close removes the file unless it is committed. It is safe to defer.
func (f *File) Close() error {
	if f.done {
		return nil
	}
	f.done = true
	return errors.Join(f.File.Close(), f.dir.Remove(f.temporary))
}

// Temp opens a file without a name in the folder at path, which is made where it is
// missing. Its space is freed when it is closed or the process ends.
func Temp(path string) (*os.File, error) {
	dir, err := OpenDir(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	name := ".temporary-" + rand.Text()
	f, err := dir.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, plain(path, err)
	}
	if err := dir.Remove(name); err != nil {
		f.Close()
		return nil, plain(path, err)
	}
	return f, nil
}

// Remove removes a file, or a symbolic link and not its target. A missing file is no error.
func Remove(name string) error {
	dir, err := OpenDir(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Remove(filepath.Base(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return plain(name, err)
	}
	return nil
}

// Rename renames a file within the folder at path. Errors are those of OpenDir and
// Replaceable.
func Rename(path, from, to string) error {
	dir, err := OpenDir(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := Replaceable(dir, to); err != nil {
		return err
	}
	if err := dir.Rename(from, to); err != nil {
		return plain(from, err)
	}
	return nil
}
