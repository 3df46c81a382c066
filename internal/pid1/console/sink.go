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

// KernelLog writes to the kernel log, and to the console as well while the kernel does not print its
// log there: with "quiet" or "loglevel=4" on the kernel command line, or after "dmesg -n 1". The
// level stays as it is: it is the operator's choice for messages of the kernel.
type KernelLog struct {
	Kmsg     Kmsg
	Terminal Terminal
	levels   int // descriptor of the kernel's levels, or -1
}

// Files of the kernel about what it prints (Documentation/admin-guide/sysctl/kernel.rst, printk, and
// kernel-parameters.rst, ignore_loglevel).
const (
	levelsPath      = "/proc/sys/kernel/printk"
	ignoreLevelPath = "/sys/module/printk/parameters/ignore_loglevel"
)

// NewKernelLog returns a sink that needs /proc and /sys.
func NewKernelLog(kmsg Kmsg, terminal Terminal) KernelLog {
	k := KernelLog{Kmsg: kmsg, Terminal: terminal, levels: -1}
	if file.Line(ignoreLevelPath) == "Y" {
		return k
	}
	if fd, err := unix.Open(levelsPath, unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
		k.levels = fd
	}
	return k
}

// WriteLine implements Sink.
func (k KernelLog) WriteLine(line []byte) {
	k.Kmsg.WriteLine(line)
	if !k.printed() {
		k.Terminal.WriteLine(line)
	}
}

// printed reports whether the kernel prints messages of kmsgLevel.
func (k KernelLog) printed() bool {
	buf := make([]byte, 32)
	n, err := unix.Pread(k.levels, buf, 0)
	if err != nil {
		return true
	}
	return prints(buf[:n])
}

// prints reports whether the first number of levels, the level of the console, is above that of
// kmsgLevel.
func prints(levels []byte) bool {
	n := 0
	for _, c := range levels {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int(c-'0')
	}
	return n > 6
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
