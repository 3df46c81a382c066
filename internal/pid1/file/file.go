// Package file reads and writes the small files of /proc, /sys and /etc, none
// without a bound. It makes plain system calls: there is no poller behind it,
// and a small file costs three of them.
package file

import (
	"errors"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrTooLarge is what Read says of a file that outgrows its bound.
var ErrTooLarge = errors.New("larger than allowed")

// Read returns the content of a file of at most max bytes.
func Read(path string, max int) ([]byte, error) {
	fd, err := open(path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return readAll(fd, path, max)
}

func readAll(fd int, path string, max int) ([]byte, error) {
	buf := make([]byte, 0, min(sizeOf(fd), max)+512)
	for {
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		}
		buf = buf[:len(buf)+n]
		if len(buf) > max {
			return nil, &os.PathError{Op: "read", Path: path, Err: ErrTooLarge}
		}
		if n == 0 {
			return buf, nil
		}
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
	}
}

// Text is Read for those who want a string; it makes no second copy.
func Text(path string, max int) (string, error) {
	data, err := Read(path, max)
	return unsafe.String(unsafe.SliceData(data), len(data)), err
}

// sizeOf returns how large a buffer to begin with. Files of /proc say that they
// are empty and those of /sys that they have 4096 bytes; both are short.
func sizeOf(fd int) int {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Size <= 4096 {
		return 0 // it grows as it is read
	}
	return int(min(st.Size, 1<<30))
}

// Line returns the first line of a file, without blanks around it, or "" where
// there is none: for the many files whose absence means "not set".
func Line(path string) string {
	data, err := Read(path, 4096)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSpace(line)
}

// Write writes text to a file that is there already, in one write, as files of
// /proc and /sys want it.
func Write(path, text string) error {
	fd, err := open(path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, []byte(text)); err != nil {
		return &os.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}

func open(path string, flags int) (int, error) {
	for {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return -1, &os.PathError{Op: "open", Path: path, Err: err}
		}
		return fd, nil
	}
}
