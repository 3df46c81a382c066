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

// maxArguments bounds what is read of a process's arguments.
const maxArguments = 16 << 10

// killShims kills the shims of a container, and reports whether there were any. Where containerd has died between making
// a shim and its task, the next containerd has a task that it neither shows nor
// deletes, and whose name stays taken. When a shim goes, containerd clears up, and
// kills what the shim had made.
func killShims(namespace, id string) (found bool) {
	file.Dir("/proc", func(name string, _ bool) {
		pid, err := strconv.Atoi(name)
		if err != nil {
			return // no process
		}
		text, _ := file.Read("/proc/"+name+"/cmdline", maxArguments) // one that is gone has none
		if isShim(strings.Split(string(text), "\x00"), namespace, id) {
			_ = unix.Kill(pid, unix.SIGKILL) // fails only when it has ended
			found = true
		}
	})
	return found
}

// runcRoot is where containerd's shim lets runc keep its state (containerd, pkg/process).
const runcRoot = "/run/containerd/runc"

// clean takes away what is left of a container that has no shim: where containerd has
// died over making or deleting one, nobody else does, and the name stays taken.
func (r *Runtime) clean(ctx context.Context, namespace, id string) {
	_, _ = r.Reaper.Run(ctx, process.Program{ // there may be nothing to delete
		Path: r.between(), Args: []string{r.between(), "--root", filepath.Join(runcRoot, namespace), "delete", "--force", id},
		Env: r.Environ, Stdin: r.Null, Stdout: r.Null, Stderr: r.Null,
	})
	dir := filepath.Join(r.Place.Tasks, namespace, id)
	if err := os.Remove(filepath.Join(dir, "rootfs")); err == nil || errors.Is(err, os.ErrNotExist) { // it is empty, with nothing mounted on it
		_ = os.RemoveAll(dir) // the next start would say so
	}
}

// isShim reports whether these are the arguments of a container's shim
// (containerd, runtime/v2/README.md).
func isShim(args []string, namespace, id string) bool {
	follows := func(flag string) string {
		if i := slices.Index(args, flag); i >= 0 && i+1 < len(args) {
			return args[i+1]
		}
		return ""
	}
	return strings.HasPrefix(filepath.Base(args[0]), "containerd-shim") && follows("-namespace") == namespace && follows("-id") == id
}
