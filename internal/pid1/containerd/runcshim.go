package containerd

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/file"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// RuncName is the name by which containerd's shim calls RuncShim.
const RuncName = "runc"

// Symbolic links in Runtime.Dir and in the directory of a start.
const (
	realName   = "runc.real" // to runc
	attachName = "attach"    // to the directory of the bundle to attach
)

var errNoPid = errors.New("runc wrote no pid file for the container")

// maxFiles limits the descriptors of a container.
const maxFiles = 16

func (r *Runtime) shimPath() string             { return filepath.Join(r.Dir, RuncName) }
func (r *Runtime) startDir(id string) string    { return filepath.Join(r.Dir, "starts", id) }
func (r *Runtime) relink(to, name string) error { return relink(to, filepath.Join(r.Dir, name)) }

// Install makes two symbolic links: the one by which containerd's shim calls RuncShim in this
// program, and the one to the real runc.
func (r *Runtime) Install(runc string) error {
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return err
	}
	if err := r.relink("/proc/"+strconv.Itoa(os.Getpid())+"/exe", RuncName); err != nil {
		return err
	}
	return r.relink(runc, realName)
}

func relink(to, path string) error {
	if err := file.Remove(path); err != nil {
		return err
	}
	return os.Symlink(to, path)
}

// linkDescriptors makes symbolic links to the descriptors of a container, named by their numbers.
func linkDescriptors(dir string, c container.Container) error {
	files := slices.Concat([]*os.File{c.Stdin, c.Stdout, c.Stderr}, c.Files)
	for i, f := range files {
		own := "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/" + strconv.Itoa(int(f.Fd()))
		if err := os.Symlink(own, filepath.Join(dir, strconv.Itoa(i))); err != nil {
			return err
		}
	}
	if c.Attach == "" {
		return nil
	}
	return os.Symlink(c.Attach, filepath.Join(dir, attachName))
}

// RuncShim runs one call of runc for containerd's shim and returns its exit status. For a "create"
// of a container that PID 1 is starting, it passes PID 1's descriptors and attaches the bundle.
// Every other call executes runc unchanged.
func RuncShim(args []string) (int, error) {
	runc, err := os.Readlink(filepath.Join(filepath.Dir(args[0]), realName))
	if err != nil {
		return 1, err
	}
	at := slices.Index(args, "create")
	dir := filepath.Join(filepath.Dir(args[0]), "starts", filepath.Base(args[len(args)-1]))
	if _, err := os.Lstat(filepath.Join(dir, "0")); at < 0 || at == len(args)-1 || err != nil {
		runtime.LockOSThread() // programs started by "exec" in a container get the default timer slack
		process.RestoreThreadSlack()
		return 1, os.NewSyscallError("exec "+runc, unix.Exec(runc, args, os.Environ()))
	}
	files, err := descriptors(dir)
	if err != nil {
		return 1, err
	}
	args = slices.Insert(args, at+1, "--preserve-fds", strconv.Itoa(len(files)-3))
	status, err := create(runc, args, files)
	if err == nil && status == 0 {
		err = attachTo(dir, args)
	}
	if err != nil {
		_, _ = unix.Write(int(files[2]), []byte(err.Error()+"\n")) // the container's log
		return 1, err
	}
	return status, nil
}

// descriptors opens the links made by linkDescriptors.
func descriptors(dir string) ([]uintptr, error) {
	var files []uintptr
	for len(files) < maxFiles {
		path := filepath.Join(dir, strconv.Itoa(len(files)))
		flags := unix.O_WRONLY
		if len(files) == 0 {
			flags = unix.O_RDONLY
		}
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.ENOENT) {
			break
		}
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
		files = append(files, uintptr(fd))
	}
	return files, nil
}

// create runs runc and returns its exit status. runc is killed if this process dies.
func create(runc string, args []string, files []uintptr) (int, error) {
	runtime.LockOSThread() // the kernel's parent death signal is per thread
	pid, err := syscall.ForkExec(runc, args, &syscall.ProcAttr{
		Env: os.Environ(), Files: files, Sys: &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL},
	})
	if err != nil {
		return 1, os.NewSyscallError("exec "+runc, err)
	}
	var status syscall.WaitStatus
	for {
		if _, err = syscall.Wait4(pid, &status, 0, nil); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err == nil && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return status.ExitStatus(), err
}

// attachTo attaches the bundle, if there is one, to the process that runc has created.
func attachTo(dir string, args []string) error {
	from, err := os.Readlink(filepath.Join(dir, attachName))
	if err != nil {
		return nil // nothing to attach
	}
	at := slices.Index(args, "--pid-file")
	if at < 0 || at+1 == len(args) {
		return errNoPid
	}
	pid, err := strconv.Atoi(file.Line(args[at+1]))
	if err != nil {
		return errNoPid
	}
	return bundle.Attach(from, pid)
}
