package container

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// seals are the seals by which runc recognizes an executable that cannot be modified
// (libcontainer/nsenter/cloned_binary.c, RUNC_MEMFD_SEALS).
const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// sealedCopy returns the path from which runc is executed. Before runc enters a container it
// protects its own executable from it (CVE-2019-5736): with a read-only bind mount of itself, or on
// tmpfs, such as the root of an initrd, with a copy in memory that it makes for each container and
// executes again. One sealed copy, which stays open, serves all containers. On any error runc is
// executed from path.
func sealedCopy(path string) (string, *os.File) {
	f, err := os.Open(path)
	if err != nil {
		return path, nil
	}
	defer f.Close()
	if _, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0); err != nil {
		return path, nil // not on tmpfs
	}
	fd, err := unix.MemfdCreate("runc", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return path, nil
	}
	kept := os.NewFile(uintptr(fd), "runc")
	if err := fill(kept, f); err != nil {
		_ = kept.Close() // runc is executed from path instead
		return path, nil
	}
	return "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/" + strconv.Itoa(fd), kept
}

// fill copies in the kernel, which takes half the time of a copy in user space, and seals the copy.
func fill(into, from *os.File) error {
	for {
		n, err := unix.Sendfile(int(into.Fd()), int(from.Fd()), nil, 1<<30)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	if err := into.Chmod(0o755); err != nil {
		return err
	}
	_, err := unix.FcntlInt(into.Fd(), unix.F_ADD_SEALS, seals)
	return err
}
