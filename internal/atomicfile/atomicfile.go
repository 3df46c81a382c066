// Package atomicfile creates files that appear under their name whole or not at all.
//
// The content goes to a temporary file on the same file system, which is synced and
// renamed. So a reader never sees half a file, a failed write leaves the old content, and
// a killed process leaves at most a hidden temporary file. An existing symbolic link at
// the path is replaced, never written through.
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// File is a temporary file that Commit renames. Close without Commit removes it.
type File struct {
	*os.File
	path string
	perm fs.FileMode
	done bool
}

// Create opens a temporary file beside path.
func Create(path string, perm fs.FileMode) (*File, error) {
	return CreateIn(filepath.Dir(path), path, perm)
}

// CreateIn opens a temporary file in dir, which must be on the same file system as path.
func CreateIn(dir, path string, perm fs.FileMode) (*File, error) {
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*")
	if err != nil {
		return nil, err
	}
	return &File{File: f, path: path, perm: perm}, nil
}

// Commit syncs and closes the file and renames it to its path, with its mode whatever the
// umask. After an error the temporary file is gone and the path unchanged.
func (f *File) Commit() error {
	if f.done {
		return fs.ErrClosed
	}
	f.done = true
	err := errors.Join(f.Chmod(f.perm), f.Sync(), f.File.Close())
	if err == nil {
		err = os.Rename(f.Name(), f.path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// Close removes the file unless it is committed. It is safe to defer.
func (f *File) Close() error {
	if f.done {
		return nil
	}
	f.done = true
	return errors.Join(f.File.Close(), os.Remove(f.Name()))
}

// WriteFile replaces a file.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	f, err := Create(path, perm)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Commit()
}

// Anonymous opens a file in dir that has no name. Its space is freed when it is closed,
// also when the process is killed.
func Anonymous(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, ".anonymous-*")
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}

// SyncDir flushes a directory, so that the renames in it survive a power failure.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	return nil
}
