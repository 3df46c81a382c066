package early

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
	"github.com/org/linuxkit-action/internal/pid1/netlink"
)

// HostName sets the host name to the content of /etc/hostname, or else, if the kernel has
// none, to linuxkit- and the MAC address of eth0. Without both it does not change it.
func HostName() error {
	name := hostName(file.Line("/etc/hostname"), file.Line("/proc/sys/kernel/hostname"), file.Line("/sys/class/net/eth0/address"))
	if name == "" {
		return nil
	}
	return os.NewSyscallError("set the host name to "+name, unix.Sethostname([]byte(name)))
}

func hostName(configured, current, mac string) string {
	switch {
	case configured != "":
		return configured
	case current != "" && current != "(none)" && current != "localhost" || mac == "":
		return ""
	}
	return "linuxkit-" + strings.ReplaceAll(mac, ":", "")
}

// Loopback brings up lo. The kernel then assigns its addresses.
func Loopback() error { return netlink.Up("lo") }

// firstYear is before the build of any supported kernel: a clock that shows an earlier
// year has not been set.
const firstYear = 2017

// Clock sets the system clock from the hardware clock, which must be in UTC, unless the
// kernel has done so.
func Clock() error {
	if time.Now().UTC().Year() >= firstYear {
		return nil
	}
	fd, err := unix.Open("/dev/rtc0", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "set the clock: open", Path: "/dev/rtc0", Err: err}
	}
	defer unix.Close(fd)
	t, err := unix.IoctlGetRTCTime(fd)
	if err != nil {
		return os.NewSyscallError("set the clock: RTC_RD_TIME", err)
	}
	at := time.Date(int(t.Year)+1900, time.Month(t.Mon+1), int(t.Mday), int(t.Hour), int(t.Min), int(t.Sec), 0, time.UTC)
	tv := unix.NsecToTimeval(at.UnixNano())
	return os.NewSyscallError("set the clock", unix.Settimeofday(&tv))
}

// maxFiles is LinuxKit's RLIMIT_NOFILE.
const maxFiles = 1 << 20

// Limits sets the resource limits that all other processes inherit.
func Limits() error {
	limit := uint64(maxFiles)
	if highest, err := strconv.ParseUint(file.Line("/proc/sys/fs/nr_open"), 10, 64); err == nil {
		limit = min(limit, highest) // the kernel rejects more
	}
	files := syscall.Rlimit{Cur: limit, Max: limit}
	if err := syscall.Setrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return os.NewSyscallError("set RLIMIT_NOFILE", err)
	}
	processes := syscall.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	return os.NewSyscallError("set RLIMIT_NPROC", syscall.Setrlimit(unix.RLIMIT_NPROC, &processes))
}

// Resolver returns the step that creates the target of a dangling /etc/resolv.conf, so
// that containers can bind-mount it before a DHCP client writes it, or false if
// /etc/resolv.conf is not a symbolic link.
func Resolver() (Step, bool) {
	target, err := os.Readlink("/etc/resolv.conf")
	if err != nil {
		return nil, false
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join("/etc", target)
	}
	return Touch{target}, true
}

// Stdio connects the file descriptors 0 to 2 to the console if the kernel has opened none,
// so that no other file gets these numbers and a crash of the Go runtime is visible.
// Without a console it uses /dev/null.
func Stdio() error {
	fd, err := unix.Open("/dev/console", unix.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		if fd, err = unix.Open("/dev/null", unix.O_RDWR, 0); err != nil {
			return &os.PathError{Op: "open", Path: "/dev/console or /dev/null", Err: err}
		}
	}
	for target := range 3 {
		if err := unix.Dup3(fd, target, 0); err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: fd is target
			return os.NewSyscallError("connect standard input and output to the console", err)
		}
	}
	if fd > 2 {
		_ = unix.Close(fd) // an open duplicate does no harm
	}
	return nil
}

// panicTimeout is the time in seconds from a panic to the reboot.
const panicTimeout = "10"

// RebootAfterPanic makes the kernel reboot after a panic instead of hanging for ever. The kernel
// panics too when PID 1 dies, which the Go runtime can do: its fatal errors cannot be recovered.
func RebootAfterPanic() error { return file.Write("/proc/sys/kernel/panic", panicTimeout) }

// ExpediteRCU makes the kernel end RCU grace periods immediately instead of after 10 to 30
// ms, at the cost of interrupting all processors. Mounts, unmounts and module loads wait
// for a grace period, so it shortens the boot; it should be switched off when the machine
// is ready. Errors are ignored: the boot is slower.
func ExpediteRCU(on bool) {
	value := "0"
	if on {
		value = "1"
	}
	_ = file.Write("/sys/kernel/rcu_expedited", value)
}
