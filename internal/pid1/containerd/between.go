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

// Name is what Between is called by.
const Name = "runc"

// Links in Runtime.Dir and in the directory of a start.
const (
	realName   = "runc.real" // to runc
	attachName = "attach"    // to the bundle that has something to attach
)

var errNoPid = errors.New("runc has not written down the pid of the container")

// maxFiles bounds the descriptors of a container.
const maxFiles = 16

func (r *Runtime) between() string              { return filepath.Join(r.Dir, Name) }
func (r *Runtime) handover(id string) string    { return filepath.Join(r.Dir, "starts", id) }
func (r *Runtime) relink(to, name string) error { return relink(to, filepath.Join(r.Dir, name)) }

// Install makes the link by which containerd's shim calls Between, which is this
// program, and the one by which that finds runc.
func (r *Runtime) Install(runc string) error {
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return err
	}
	if err := r.relink("/proc/"+strconv.Itoa(os.Getpid())+"/exe", Name); err != nil {
		return err
	}
	return r.relink(runc, realName)
}

func relink(to, path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.Symlink(to, path)
}

// handOver lays out, as links that are called by their numbers, the descriptors that
// a container is to have.
func handOver(dir string, c container.Container) error {
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

// Between does for one call of runc what containerd cannot, and returns its exit
// status: where PID 1 is starting a container, "create" gives it PID 1's descriptors
// and attaches what its bundle asks for. Everything else is runc's own.
func Between(args []string) (int, error) {
	runc, err := os.Readlink(filepath.Join(filepath.Dir(args[0]), realName))
	if err != nil {
		return 1, err
	}
	at := slices.Index(args, "create")
	dir := filepath.Join(filepath.Dir(args[0]), "starts", filepath.Base(args[len(args)-1]))
	if _, err := os.Lstat(filepath.Join(dir, "0")); at < 0 || at == len(args)-1 || err != nil {
		runtime.LockOSThread() // what "exec" starts in a container is to be woken in time
		process.BePunctual()
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
		_, _ = unix.Write(int(files[2]), []byte(err.Error()+"\n")) // the container's own log
		return 1, err
	}
	return status, nil
}

// descriptors opens what PID 1 has laid out.
func descriptors(dir string) ([]uintptr, error) {
	var files []uintptr
	for len(files) < maxFiles {
		path := filepath.Join(dir, strconv.Itoa(len(files)))
		flags := unix.O_WRONLY
		if len(files) == 0 {
			flags = unix.O_RDONLY
		}
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		if err == unix.ENOENT {
			break
		}
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
		files = append(files, uintptr(fd))
	}
	return files, nil
}

// create runs runc. If whoever waits for this program ends it, runc ends as well.
func create(runc string, args []string, files []uintptr) (int, error) {
	runtime.LockOSThread() // which the kernel takes for the parent
	pid, err := syscall.ForkExec(runc, args, &syscall.ProcAttr{
		Env: os.Environ(), Files: files, Sys: &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL},
	})
	if err != nil {
		return 1, os.NewSyscallError("exec "+runc, err)
	}
	var status syscall.WaitStatus
	for {
		if _, err = syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
			break
		}
	}
	if err == nil && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return status.ExitStatus(), err
}

// attachTo attaches what the bundle asks for to the process that runc has made.
func attachTo(dir string, args []string) error {
	from, err := os.Readlink(filepath.Join(dir, attachName))
	if err != nil {
		return nil // it asks for nothing
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
