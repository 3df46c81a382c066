package container

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// seals are those by which runc knows that nobody can change the file it runs from
// (libcontainer/nsenter/cloned_binary.c, RUNC_MEMFD_SEALS).
const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// sealed returns where runc is to be run from. Before it enters a container, runc
// makes sure that the container cannot change it (CVE-2019-5736): a read-only bind
// mount of itself will do, but not on tmpfs, which the root of an initrd is. There it
// would copy itself into memory, and start over, for every container. One sealed copy,
// made once, serves all of them as long as it is open. Where it cannot be made, runc
// does as it likes.
func sealed(path string) (string, *os.File) {
	f, err := os.Open(path)
	if err != nil {
		return path, nil
	}
	defer f.Close()
	if _, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0); err != nil {
		return path, nil // no tmpfs
	}
	fd, err := unix.MemfdCreate("runc", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return path, nil
	}
	kept := os.NewFile(uintptr(fd), "runc")
	if err := fill(kept, f); err != nil {
		_ = kept.Close() // there is the original
		return path, nil
	}
	return "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/" + strconv.Itoa(fd), kept
}

// fill copies inside the kernel, which takes half the time of a copy through ours.
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
