// Package file reads and writes small files of /proc, /sys and /etc, with a bound on their
// size. It makes direct system calls, without the runtime's poller: three for a small file.
package file

import (
	"errors"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrTooLarge is the error of Read for a file that is larger than its bound.
var ErrTooLarge = errors.New("file too large")

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
		if errors.Is(err, unix.EINTR) {
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

// Text is Read with a string as result. It does not copy the content.
func Text(path string, max int) (string, error) {
	data, err := Read(path, max)
	return unsafe.String(unsafe.SliceData(data), len(data)), err
}

// sizeOf returns the size of a file as a hint for the buffer. Files of /proc have size 0
// and those of /sys 4096 regardless of their content, which is short.
func sizeOf(fd int) int {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Size <= 4096 {
		return 0 // the buffer grows
	}
	return int(min(st.Size, 1<<30))
}

// Remove removes a file. A file that does not exist is no error.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Line returns the first line of a file without surrounding white space, or "" if the file
// cannot be read: for files whose absence means "not set".
func Line(path string) string {
	data, err := Read(path, 4096)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSpace(line)
}

// Write writes text to an existing file with one write(2), as files of /proc and /sys
// require.
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
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return -1, &os.PathError{Op: "open", Path: path, Err: err}
		}
		return fd, nil
	}
}
