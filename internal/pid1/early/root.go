package early

import (
	"os"

	"golang.org/x/sys/unix"
)

// MoveRoot makes a real mount of the initramfs without copying it. The root the
// kernel unpacks cannot be pivoted away from, which runc and containerd have to
// do in each container; LinuxKit copies all of it into a tmpfs for that. A bind
// mount of the same tree, moved over it, is as good and takes no time.
//
// A root that is a mount already (a disk, a container's) stays as it is. It must
// run before anything else is mounted: the bind does not take mounts along.
// When it fails the boot goes on in the root there is, and runc will fail loudly.
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
			return os.NewSyscallError("root without a copy: "+s.name, err)
		}
	}
	return nil
}

func inInitramfs() bool {
	var st unix.Statfs_t
	if unix.Statfs("/", &st) != nil {
		return false // leave alone what cannot be looked at
	}
	return st.Type == unix.RAMFS_MAGIC || st.Type == unix.TMPFS_MAGIC
}

// ProtectRoot makes / read-only for everyone who looks through this mount.
func ProtectRoot() error {
	return os.NewSyscallError("remount / read-only", unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
}

// ShareRoot makes all mounts shared, so that those made later reach containers
// that bind them, as LinuxKit's mount and format components expect.
func ShareRoot() error {
	return os.NewSyscallError("share all mounts", unix.Mount("", "/", "", unix.MS_SHARED|unix.MS_REC, ""))
}

// InContainer reports whether somebody else has set the machine up: /proc is
// there before PID 1 has mounted it.
func InContainer() bool { return exists("/proc/self") }
