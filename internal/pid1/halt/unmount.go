package halt

import (
	"errors"
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

// unmountAll unmounts all file systems with data, deepest first, until no more can be unmounted:
// a mount keeps those busy that it depends on. Those that stay busy, and the root, are remounted
// read-only, which also writes their data. It returns the errors of those that are still writable.
func unmountAll() error {
	before := -1
	for {
		loopErr := freeLoops()
		text, err := file.Read("/proc/self/mountinfo", maxMountInfo)
		if err != nil {
			return err
		}
		mounts := deepestFirst(parseMounts(string(text)))
		if len(mounts) == before {
			return errors.Join(loopErr, remountReadOnly(mounts))
		}
		before = len(mounts)
		for _, m := range mounts {
			if m.path != "/" {
				_ = unmount(m.path) // it is tried again, and then remounted
			}
		}
	}
}

// deepestFirst returns the mounts with data: those with the longest paths first, and of those at
// one path the latest.
func deepestFirst(all []mountPoint) []mountPoint {
	var mounts []mountPoint
	for _, m := range slices.Backward(all) {
		if !pseudo[m.kind] {
			mounts = append(mounts, m)
		}
	}
	slices.SortStableFunc(mounts, func(a, b mountPoint) int { return depth(b.path) - depth(a.path) })
	return mounts
}

func depth(path string) int { return strings.Count(strings.TrimSuffix(path, "/"), "/") }

func unmount(path string) error {
	return attempt(mountWait, "unmount", path, func() error { return unix.Unmount(path, unix.UMOUNT_NOFOLLOW) })
}

func remountReadOnly(mounts []mountPoint) error {
	var errs []error
	for _, m := range mounts {
		errs = append(errs, attempt(mountWait, "remount read-only", m.path, func() error {
			return unix.Mount("", m.path, "", unix.MS_REMOUNT|unix.MS_RDONLY, "")
		}))
	}
	return errors.Join(errs...)
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
