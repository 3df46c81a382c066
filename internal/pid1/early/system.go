package early

import (
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

// HostName sets the host name: /etc/hostname, else linuxkit-MAC of eth0 where
// nobody has set one. Without either it stays "(none)".
func HostName() error {
	name := hostName(file.Line("/etc/hostname"), file.Line("/proc/sys/kernel/hostname"), file.Line("/sys/class/net/eth0/address"))
	if name == "" {
		return nil
	}
	return os.NewSyscallError("set the host name to "+name, unix.Sethostname([]byte(name)))
}

func hostName(configured, present, mac string) string {
	switch {
	case configured != "":
		return configured
	case present != "" && present != "(none)" && present != "localhost" || mac == "":
		return ""
	}
	return "linuxkit-" + strings.ReplaceAll(mac, ":", "")
}

// Loopback brings up lo; the kernel gives it its addresses then.
func Loopback() error { return netlink.Up("lo") }

// firstYear is before any kernel this runs on was built: a clock that shows an
// earlier one has not been set.
const firstYear = 2017

// Clock sets the clock by the hardware clock, taken to run in UTC, unless the
// kernel has done so. A machine without a hardware clock starts in 1970.
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

// Limits sets the resource limits that everything started later inherits.
func Limits() error {
	limit := uint64(maxFiles)
	if most, err := strconv.ParseUint(file.Line("/proc/sys/fs/nr_open"), 10, 64); err == nil {
		limit = min(limit, most) // more is refused
	}
	files := syscall.Rlimit{Cur: limit, Max: limit}
	if err := syscall.Setrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return os.NewSyscallError("set RLIMIT_NOFILE", err)
	}
	processes := syscall.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	return os.NewSyscallError("set RLIMIT_NPROC", syscall.Setrlimit(unix.RLIMIT_NPROC, &processes))
}

// Resolver returns the step that makes what a dangling /etc/resolv.conf points
// to, so that containers can bind it before a DHCP client has written it.
func Resolver() (Step, bool) {
	target, err := os.Readlink("/etc/resolv.conf")
	if err != nil {
		return nil, false // a file, or none: nothing to make
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join("/etc", target)
	}
	return Touch{target}, true
}
