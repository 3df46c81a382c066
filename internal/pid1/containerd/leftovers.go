package containerd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// maxArguments limits what is read of a process's arguments, in bytes.
const maxArguments = 16 << 10

// killShims kills the shims of a container, and reports whether it found any. If containerd exits
// between creating a shim and its task, the next containerd has a task that it neither lists nor
// deletes, and whose name stays taken. When its shim exits, containerd cleans up and kills the
// shim's processes.
func killShims(namespace, id string) (found bool) {
	file.Dir("/proc", func(name string, _ bool) {
		pid, err := strconv.Atoi(name)
		if err != nil {
			return // not a process
		}
		text, _ := file.Read("/proc/"+name+"/cmdline", maxArguments) // a process that has exited has none
		if isShim(strings.Split(string(text), "\x00"), namespace, id) {
			_ = unix.Kill(pid, unix.SIGKILL) // fails only if it has exited
			found = true
		}
	})
	return found
}

// runcRoot is the state directory that containerd's shim gives to runc (containerd, pkg/process).
const runcRoot = "/run/containerd/runc"

// removeLeftovers removes what is left of a container without a shim. If containerd exits while it
// creates or deletes one, nothing else removes it, and its name stays taken.
func (r *Runtime) removeLeftovers(ctx context.Context, namespace, id string) {
	_, _ = r.Reaper.Run(ctx, process.Program{ // there may be nothing to delete
		Path: r.shimPath(),
		Args: []string{r.shimPath(), "--root", filepath.Join(runcRoot, namespace), "delete", "--force", id},
		Env:  r.Environ, Stdin: r.Null, Stdout: r.Null, Stderr: r.Null,
	})
	dir := filepath.Join(r.Instance.Tasks, namespace, id)
	if err := os.Remove(filepath.Join(dir, "rootfs")); err == nil || errors.Is(err, os.ErrNotExist) { // empty, not mounted
		_ = os.RemoveAll(dir) // the next start reports an error
	}
}

// isShim reports whether args are those of the container's shim (containerd, runtime/v2/README.md).
func isShim(args []string, namespace, id string) bool {
	follows := func(flag string) string {
		if i := slices.Index(args, flag); i >= 0 && i+1 < len(args) {
			return args[i+1]
		}
		return ""
	}
	return strings.HasPrefix(filepath.Base(args[0]), "containerd-shim") && follows("-namespace") == namespace && follows("-id") == id
}
