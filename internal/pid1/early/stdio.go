package early

import (
	"os"

	"golang.org/x/sys/unix"
)

// Stdio puts the console on the file descriptors 0 to 2, where the kernel had
// none to give, so that no other file gets these numbers and a crash of Go's
// runtime can be read. It tries /dev/null where there is no console.
func Stdio() error {
	fd, err := unix.Open("/dev/console", unix.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		if fd, err = unix.Open("/dev/null", unix.O_RDWR, 0); err != nil {
			return &os.PathError{Op: "open", Path: "/dev/console or /dev/null", Err: err}
		}
	}
	for target := range 3 {
		if err := unix.Dup3(fd, target, 0); err != nil && err != unix.EINVAL {
			return os.NewSyscallError("console as standard input and output", err)
		}
	}
	if fd > 2 {
		_ = unix.Close(fd) // a descriptor too many does no harm
	}
	return nil
}
