package early

import (
	"os"

	"golang.org/x/sys/unix"
)

// MoveRoot turns the initramfs into a mount, without copying it. runc and containerd call
// pivot_root(2) in each container, which the kernel refuses for the initial root;
// LinuxKit copies all files to a tmpfs for that. A bind mount of the same tree, moved onto
// /, has the same effect and takes no time.
//
// MoveRoot does nothing if the root is not an initramfs (a disk, a container). It must run
// before any other mount, because the bind mount is not recursive. On error the boot
// continues in the initial root, where runc fails.
func MoveRoot() error {
	if !inInitramfs() {
		return nil
	}
	if err := os.MkdirAll("/mnt", 0o755); err != nil {
		return err
	}
	for _, s := range []struct {
		name string
		do   func() error
	}{
		{"bind / on /mnt", func() error { return unix.Mount("/", "/mnt", "", unix.MS_BIND, "") }},
		{"chdir /mnt", func() error { return unix.Chdir("/mnt") }},
		{"move . to /", func() error { return unix.Mount(".", "/", "", unix.MS_MOVE, "") }},
		{"chroot .", func() error { return unix.Chroot(".") }},
		{"chdir /", func() error { return unix.Chdir("/") }},
	} {
		if err := s.do(); err != nil {
			return os.NewSyscallError("move root: "+s.name, err)
		}
	}
	return nil
}

func inInitramfs() bool {
	var st unix.Statfs_t
	if unix.Statfs("/", &st) != nil {
		return false // of unknown type: do not touch it
	}
	return st.Type == unix.RAMFS_MAGIC || st.Type == unix.TMPFS_MAGIC
}

// ProtectRoot makes the mount of / read-only. Bind mounts of its directories stay writable.
func ProtectRoot() error {
	return os.NewSyscallError("remount / read-only", unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
}

// ShareRoot makes all mounts shared, so that later mounts propagate to containers with a
// bind mount of them. LinuxKit's mount and format components depend on it.
func ShareRoot() error {
	return os.NewSyscallError("share all mounts", unix.Mount("", "/", "", unix.MS_SHARED|unix.MS_REC, ""))
}

// InContainer reports whether PID 1 runs in a container: /proc is mounted already. It must
// be called before Steps are done.
func InContainer() bool { return exists("/proc/self") }
