package console

import (
	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// kmsgLevel is printk's KERN_INFO: shown with the kernel's default log level,
// and not taken for trouble by those who grep for it.
const kmsgLevel = "<6>"

// Kmsg writes into the kernel's log. The kernel sends each write to the console
// as one line, between its own and never within one.
type Kmsg struct{ fd int }

// OpenKmsg opens /dev/kmsg. The kernel drops what user space writes beyond ten
// lines in five seconds unless printk_devkmsg is "on"; if that cannot be set,
// records may be lost, which the numbers show.
func OpenKmsg() (Kmsg, error) {
	_ = file.Write("/proc/sys/kernel/printk_devkmsg", "on\n")
	fd, err := unix.Open("/dev/kmsg", unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	return Kmsg{fd}, err
}

// WriteLine implements Sink. A line that the kernel refuses is lost, and its
// number shows it.
func (k Kmsg) WriteLine(line []byte) { _, _ = unix.Write(k.fd, kmsgLine(line)) }

// kmsgLine puts the level in front and a newline behind. Without the newline
// the kernel would wait for the rest of the line, and show it only when somebody
// has written the next one (kernel/printk/printk.c, vprintk_store).
func kmsgLine(line []byte) []byte {
	text := make([]byte, 0, len(kmsgLevel)+len(line)+1)
	return append(append(append(text, kmsgLevel...), line...), '\n')
}

// Terminal writes lines to a file descriptor: the console where the kernel is
// told to be quiet, standard error in a container.
type Terminal struct{ FD int }

// OpenTerminal opens a terminal for writing, without making it the controlling one.
func OpenTerminal(path string) (Terminal, error) {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	return Terminal{fd}, err
}

// WriteLine implements Sink. A partial write damages the line, which its CRC shows.
func (t Terminal) WriteLine(line []byte) {
	rest := append(append(make([]byte, 0, len(line)+1), line...), '\n')
	for len(rest) > 0 {
		n, err := unix.Write(t.FD, rest)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return
		}
		rest = rest[n:]
	}
}
