package file

import (
	"bytes"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dirBuffer is what is read of a directory at once.
const dirBuffer = 4096

// Dir calls fn with the name of each directory and each other file in dir, in
// the kernel's order. It is for walks through hundreds of directories of /sys:
// os.ReadDir would leave megabytes of garbage behind. What cannot be read is empty.
func Dir(dir string, fn func(name string, isDir bool)) {
	fd, err := open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	var buf [dirBuffer]byte
	for {
		n, err := unix.Getdents(fd, buf[:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return
		}
		entries(buf[:n], fn)
	}
}

// entries takes struct linux_dirent64 (getdents(2)) apart: inode, offset,
// length, type, and a name that ends with a zero byte.
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
