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

// pseudo file systems hold nothing that could be lost.
var pseudo = map[string]bool{
	"autofs": true, "binfmt_misc": true, "bpf": true, "cgroup": true, "cgroup2": true, "configfs": true, "debugfs": true,
	"devpts": true, "devtmpfs": true, "efivarfs": true, "fusectl": true, "hugetlbfs": true, "mqueue": true, "nsfs": true,
	"proc": true, "pstore": true, "ramfs": true, "rootfs": true, "securityfs": true, "selinuxfs": true, "sysfs": true,
	"tmpfs": true, "tracefs": true,
}

type mountPoint struct{ path, kind string }

// UnmountAll unmounts what is not a pseudo file system, the last first, and
// makes the root read-only. What is in use, or does not answer in time, is
// detached. It returns what could not even be detached.
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

// attempt runs a call that may hang, on a file system whose server is gone.
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
	default: // it panicked, and was told of
	}
	return nil
}

// parseMounts reads the mount points and types of mountinfo (proc_pid_mountinfo(5)).
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

// unescape undoes the kernel's \ooo for blanks and backslashes.
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
