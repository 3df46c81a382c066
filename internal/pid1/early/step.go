// Package early sets up the machine after the kernel has started PID 1: mounts, device
// nodes, links, root, host name, loopback, clock and resource limits. It does what
// LinuxKit's rc.init does (pkg/init).
//
// Mounts and files are a table of steps, each of which can print itself and the impact of
// its failure. No failure ends the boot: PID 1 reports it and continues, because a machine
// without some mounts can still report errors.
package early

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Step is one mount or file to create.
type Step interface {
	// Do executes the step. It is idempotent.
	Do() error
	// String returns the step as a shell command.
	String() string
	// Impact returns what does not work if the step fails.
	Impact() string
}

// Dir is a directory with a mode, independent of the umask.
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

// Impact implements Step.
func (d Dir) Impact() string { return "programs that use " + d.Path }

// Link is a symbolic link. An existing file is not replaced.
type Link struct{ Path, Target string }

// Do implements Step.
func (l Link) Do() error { return ignoreExist(os.Symlink(l.Target, l.Path)) }

func (l Link) String() string { return "ln -s " + l.Target + " " + l.Path }

// Impact implements Step.
func (l Link) Impact() string { return "programs that use " + l.Path }

// Node is a character device. An existing file is not replaced: devtmpfs has most nodes.
type Node struct {
	Path         string
	Major, Minor uint32
	Mode         uint32
}

// Do implements Step.
func (n Node) Do() error {
	err := unix.Mknod(n.Path, unix.S_IFCHR|n.Mode, int(unix.Mkdev(n.Major, n.Minor)))
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "mknod", Path: n.Path, Err: err}
	}
	return os.NewSyscallError("chmod "+n.Path, unix.Chmod(n.Path, n.Mode))
}

func (n Node) String() string {
	major, minor := strconv.Itoa(int(n.Major)), strconv.Itoa(int(n.Minor))
	return "mknod -m " + octal(n.Mode) + " " + n.Path + " c " + major + " " + minor
}

// Impact implements Step.
func (n Node) Impact() string { return "programs that open " + n.Path }

// Touch is an empty file and its parent directories. An existing file is not changed.
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

// Impact implements Step.
func (t Touch) Impact() string { return "name resolution by containers that mount " + t.Path }

func ignoreExist(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

func octal(mode uint32) string { return "0" + strconv.FormatUint(uint64(mode), 8) }
