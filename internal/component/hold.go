package component

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// errHeld is wrapped by the error for a file that another run holds.
var errHeld = errors.New("held by another run")

// hold opens a file for reading and writing, and locks it until it is closed, or we are
// killed. It never waits. The flags are those of os.OpenFile beside that.
func hold(path string, flags int) (*os.File, error) {
	// A link would have us write elsewhere, and to open a pipe may take for ever.
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|flags, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// lockFile locks a regular file that still has its name: who held it before may have
// moved it, finished, among the blobs, or swept it.
func lockFile(f *os.File) error {
	ours, err := f.Stat()
	if err != nil {
		return err
	}
	if !ours.Mode().IsRegular() {
		return fmt.Errorf("%s: no regular file", f.Name())
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("%w: %w", errHeld, err)
	}
	if named, err := os.Lstat(f.Name()); err != nil || !os.SameFile(ours, named) {
		return fmt.Errorf("%w: %s", errHeld, f.Name())
	}
	return nil
}
