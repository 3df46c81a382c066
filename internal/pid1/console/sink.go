package console

import (
	"errors"
	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// kmsgLevel is printk's KERN_INFO: shown at the kernel's default log level, and not an
// error to monitoring tools.
const kmsgLevel = "<6>"

// Kmsg writes to the kernel log. The kernel prints each write as one line of its own.
type Kmsg struct{ fd int }

// OpenKmsg opens /dev/kmsg. It sets printk_devkmsg to "on": otherwise the kernel drops
// lines of user space beyond ten in five seconds. If that fails records may be lost, which
// their numbers show.
func OpenKmsg() (Kmsg, error) {
	_ = file.Write("/proc/sys/kernel/printk_devkmsg", "on\n")
	fd, err := unix.Open("/dev/kmsg", unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	return Kmsg{fd}, err
}

// WriteLine implements Sink. A line that the kernel rejects is lost, which the numbers of
// the records show.
func (k Kmsg) WriteLine(line []byte) { _, _ = unix.Write(k.fd, kmsgLine(line)) }

// kmsgLine adds the level and a newline. Without the newline the kernel would not print
// the line until the next one is written (kernel/printk/printk.c, vprintk_store).
func kmsgLine(line []byte) []byte {
	text := make([]byte, 0, len(kmsgLevel)+len(line)+1)
	return append(append(append(text, kmsgLevel...), line...), '\n')
}

// Terminal writes lines to a file descriptor: the console if the kernel does not print its
// log there, and standard error in a container.
type Terminal struct{ FD int }

// OpenTerminal opens a terminal for writing, not as controlling terminal.
func OpenTerminal(path string) (Terminal, error) {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	return Terminal{fd}, err
}

// WriteLine implements Sink. A partial write damages the line, which its CRC shows.
func (t Terminal) WriteLine(line []byte) {
	rest := append(append(make([]byte, 0, len(line)+1), line...), '\n')
	for len(rest) > 0 {
		n, err := unix.Write(t.FD, rest)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return
		}
		rest = rest[n:]
	}
}
