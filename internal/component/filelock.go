package component

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// errLocked is wrapped by the error for a file that another process has locked.
var errLocked = errors.New("locked by another process")

// openLocked opens a regular file for reading and writing with an exclusive lock (flock(2)),
// which ends when the file is closed or the process ends. It never blocks. The flags are
// those of os.OpenFile, besides O_RDWR.
func openLocked(path string, flags int) (*os.File, error) {
	// O_NOFOLLOW: a link could lead out of the cache. O_NONBLOCK: opening a FIFO could block.
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

// lockFile locks a file and checks that it still has its name: the process that had the
// lock before may have renamed or removed it.
func lockFile(f *os.File) error {
	opened, err := f.Stat()
	if err != nil {
		return err
	}
	if !opened.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file", f.Name())
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("%w: %w", errLocked, err)
	}
	if named, err := os.Lstat(f.Name()); err != nil || !os.SameFile(opened, named) {
		return fmt.Errorf("%w: %s", errLocked, f.Name())
	}
	return nil
}
