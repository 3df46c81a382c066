package halt

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
	"github.com/org/linuxkit-action/internal/pid1/guard"
)

// maxSwaps bounds /proc/swaps, in bytes.
const maxSwaps = 64 << 10

// swapOff switches off all swap areas: a swap file keeps its file system from being unmounted.
func swapOff() error {
	text, err := file.Read("/proc/swaps", maxSwaps)
	if err != nil {
		return nil // the kernel has no swap
	}
	var errs []error
	for _, path := range parseSwaps(string(text)) {
		errs = append(errs, attempt(swapWait, "swapoff", path, func() error { return swapOffBelow(path) }))
	}
	return errors.Join(errs...)
}

// swapOffBelow switches off a swap file or device. The path of a file that a container has switched
// on may be relative to the root of its file system, which is mounted elsewhere.
func swapOffBelow(path string) error {
	err := swapOffPath(path)
	if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) {
		return err
	}
	mountInfo, readErr := file.Read("/proc/self/mountinfo", maxMountInfo)
	if readErr != nil {
		return err
	}
	for _, m := range deepestFirst(parseMounts(string(mountInfo))) {
		if swapOffPath(filepath.Join(m.path, path)) == nil {
			return nil
		}
	}
	return err
}

func swapOffPath(path string) error {
	p, err := unix.BytePtrFromString(path)
	if err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_SWAPOFF, uintptr(unsafe.Pointer(p)), 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// parseSwaps returns the paths of /proc/swaps (proc_swaps(5)), whose first line is a heading.
func parseSwaps(text string) []string {
	var paths []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) > 1 && strings.HasPrefix(fields[0], "/") {
			paths = append(paths, unescape(strings.TrimSuffix(fields[0], "\\040(deleted)")))
		}
	}
	return paths
}

// freeLoops detaches all loop devices from their files, which keep a file system busy.
func freeLoops() error {
	return attempt(loopWait, "detach", "loop devices", func() error {
		file.Dir("/sys/block", func(name string, _ bool) {
			if !strings.HasPrefix(name, "loop") || file.Line("/sys/block/"+name+"/loop/backing_file") == "" {
				return
			}
			if fd, err := unix.Open("/dev/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
				_ = unix.IoctlSetInt(fd, unix.LOOP_CLR_FD, 0) // a device in use is detached when it is closed
				_ = unix.Close(fd)                            // nothing was written
			}
		})
		return nil
	})
}

// attempt calls a system call that can hang, such as on NFS without its server, and waits for it
// for at most d.
func attempt(d time.Duration, op, path string, call func() error) error {
	result := make(chan error, 1)
	if !guard.Within(d, op+" "+path, func() { result <- call() }) {
		return &os.PathError{Op: op, Path: path, Err: os.ErrDeadlineExceeded}
	}
	select {
	case err := <-result:
		if err != nil {
			return &os.PathError{Op: op, Path: path, Err: err}
		}
	default: // it panicked, which guard has reported
	}
	return nil
}
