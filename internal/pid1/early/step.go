// Package early makes a usable machine of what the kernel leaves: mounts,
// device nodes, links, the root, host name, loopback, clock and limits.
//
// What is mounted and made is data: Steps returns it, each step prints itself,
// and says what is lost when it fails. No failure ends the boot; PID 1 reports
// it with that text and goes on, since a machine with half its mounts can still
// say what is wrong, and a dead one cannot.
package early

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Step is one thing to mount or make.
type Step interface {
	// Do does it. A step that finds its work done already is content.
	Do() error
	// String says what it does, as a person would type it.
	String() string
	// Lost says what does not work when it fails, or "" where that is normal.
	Lost() string
}

// Dir is a directory with a mode that the umask does not touch.
type Dir struct {
	Path string
	Mode uint32 // as in chmod(2): 01777 is sticky
}

// Do implements Step.
func (d Dir) Do() error {
	if err := os.MkdirAll(d.Path, 0o755); err != nil {
		return err
	}
	return os.NewSyscallError("chmod "+d.Path, unix.Chmod(d.Path, d.Mode))
}

func (d Dir) String() string { return "mkdir -m " + octal(d.Mode) + " " + d.Path }

// Lost implements Step.
func (d Dir) Lost() string { return "programs that expect " + d.Path }

// Link is a symbolic link. What is there already stays.
type Link struct{ Path, Target string }

// Do implements Step.
func (l Link) Do() error { return unlessExists(os.Symlink(l.Target, l.Path)) }

func (l Link) String() string { return "ln -s " + l.Target + " " + l.Path }

// Lost implements Step.
func (l Link) Lost() string { return "programs that expect " + l.Path }

// Node is a character device. What is there already stays: devtmpfs has most.
type Node struct {
	Path         string
	Major, Minor uint32
	Mode         uint32
}

// Do implements Step.
func (n Node) Do() error {
	err := unix.Mknod(n.Path, unix.S_IFCHR|n.Mode, int(unix.Mkdev(n.Major, n.Minor)))
	if err == unix.EEXIST {
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "mknod", Path: n.Path, Err: err}
	}
	return os.NewSyscallError("chmod "+n.Path, unix.Chmod(n.Path, n.Mode))
}

func (n Node) String() string {
	return "mknod -m " + octal(n.Mode) + " " + n.Path + " c " + strconv.Itoa(int(n.Major)) + " " + strconv.Itoa(int(n.Minor))
}

// Lost implements Step.
func (n Node) Lost() string { return "programs that open " + n.Path }

// Touch is an empty file, with the directories above it. What is there stays.
type Touch struct{ Path string }

// Do implements Step.
func (t Touch) Do() error {
	if err := os.MkdirAll(filepath.Dir(t.Path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(t.Path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

func (t Touch) String() string { return "touch " + t.Path }

// Lost implements Step.
func (t Touch) Lost() string { return "name resolution, where it is configured through " + t.Path }

func unlessExists(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

func octal(mode uint32) string { return "0" + strconv.FormatUint(uint64(mode), 8) }
