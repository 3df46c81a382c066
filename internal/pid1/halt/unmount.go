package halt

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// maxMountInfo bounds /proc/self/mountinfo, in bytes.
const maxMountInfo = 8 << 20

// pseudo is the file systems without persistent data, which stay mounted.
var pseudo = map[string]bool{
	"autofs": true, "binfmt_misc": true, "bpf": true, "cgroup": true, "cgroup2": true, "configfs": true,
	"debugfs": true, "devpts": true, "devtmpfs": true, "efivarfs": true, "fusectl": true, "hugetlbfs": true,
	"mqueue": true, "nsfs": true,
	"proc": true, "pstore": true, "ramfs": true, "rootfs": true, "securityfs": true, "selinuxfs": true, "sysfs": true,
	"tmpfs": true, "tracefs": true,
}

type mountPoint struct{ path, kind string }

// UnmountAll unmounts all file systems with data in reverse order, and remounts the root
// read-only. One that is busy or does not respond in time is detached. It returns the
// errors of those that could not be detached either.
func UnmountAll() error {
	text, err := file.Read("/proc/self/mountinfo", maxMountInfo)
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range slices.Backward(parseMounts(string(text))) {
		switch {
		case pseudo[m.kind]:
		case m.path == "/":
			errs = append(errs, attempt("remount read-only", "/", func() error {
				return unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_RDONLY, "")
			}))
		default:
			errs = append(errs, unmount(m.path))
		}
	}
	return errors.Join(errs...)
}

func unmount(path string) error {
	if attempt("unmount", path, func() error { return unix.Unmount(path, unix.UMOUNT_NOFOLLOW) }) == nil {
		return nil
	}
	return attempt("detach", path, func() error { return unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) })
}

// attempt calls a system call that can hang, such as on NFS without its server.
func attempt(op, path string, call func() error) error {
	result := make(chan error, 1)
	if !within(mountWait, op+" "+path, func() { result <- call() }) {
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

// parseMounts returns the mount points and types of mountinfo (proc_pid_mountinfo(5)).
func parseMounts(text string) []mountPoint {
	var mounts []mountPoint
	for line := range strings.Lines(text) {
		head, tail, found := strings.Cut(line, " - ")
		fields, kind := strings.Fields(head), strings.Fields(tail)
		if found && len(fields) > 4 && len(kind) > 0 {
			mounts = append(mounts, mountPoint{unescape(fields[4]), kind[0]})
		}
	}
	return mounts
}

// unescape decodes the kernel's \ooo for spaces and backslashes.
func unescape(s string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, `\`)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		if len(after) >= 3 {
			if n, err := strconv.ParseUint(after[:3], 8, 8); err == nil {
				b.WriteByte(byte(n))
				s = after[3:]
				continue
			}
		}
		b.WriteByte('\\')
		s = after
	}
}
