package file

import (
	"bytes"
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dirBuffer is the size of the buffer for getdents(2).
const dirBuffer = 4096

// Dir calls fn for each entry of dir, in the order of the kernel. A directory that cannot
// be read has no entries. Unlike os.ReadDir it allocates little, for walks through hundreds
// of directories of /sys.
func Dir(dir string, fn func(name string, isDir bool)) {
	fd, err := open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	var buf [dirBuffer]byte
	for {
		n, err := unix.Getdents(fd, buf[:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n <= 0 {
			return
		}
		entries(buf[:n], fn)
	}
}

// entries decodes a sequence of struct linux_dirent64 (getdents(2)): inode, offset, length,
// type, and a zero-terminated name.
func entries(buf []byte, fn func(name string, isDir bool)) {
	const length, kind, name = 16, 18, 19
	for len(buf) > name {
		size := int(*(*uint16)(unsafe.Pointer(&buf[length])))
		if size <= name || size > len(buf) {
			return
		}
		text, _, _ := bytes.Cut(buf[name:size], []byte{0})
		if s := string(text); s != "." && s != ".." {
			fn(s, buf[kind] == unix.DT_DIR)
		}
		buf = buf[size:]
	}
}
