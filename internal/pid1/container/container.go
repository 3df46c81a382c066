// Package container runs OCI bundles. A Runtime starts a container and hands
// back its process; everything after that (restart, stop, reports) is the
// supervisor's and the same for all runtimes.
package container

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/process"
)

var (
	// ErrNoRuntime is what every start says on a machine without runc.
	ErrNoRuntime = errors.New("there is no runc; add a component with runc to init")
	// ErrStart is what a start that runc refused says; runc has told why on the
	// standard error of the container.
	ErrStart = errors.New("runc did not start it; see its log")
)

// Container is what a runtime is asked to start.
type Container struct {
	ID     string
	Bundle string // directory with config.json
	Env    []string
	Stdin  *os.File
	Stdout *os.File
	Stderr *os.File
	Files  []*os.File // descriptors 3 and up
	// Attach, if set, is the directory of the bundle that asks for something to be
	// done between the making of the container and the start of its program.
	Attach    string
	Namespace string // of containerd, or "" for the usual one
}

// Process is the first process of a running container.
type Process struct {
	*process.Child
	Cgroup process.Cgroup
}

// Runtime starts containers. Start returns when the container's own program
// runs (or has run already), and not before. What a container that was not
// started leaves behind is gone when Start returns an error.
type Runtime interface {
	Start(ctx context.Context, c Container) (*Process, error)
	// Delete forgets a container that has ended and kills all that is left of it.
	// Of c it needs what names the container.
	Delete(ctx context.Context, c Container) error
}

// None is the runtime of a machine that has none.
type None struct{}

// Start implements Runtime.
func (None) Start(context.Context, Container) (*Process, error) { return nil, ErrNoRuntime }

// Delete implements Runtime.
func (None) Delete(context.Context, Container) error { return nil }

// Kill kills a process with all in its cgroup, and waits no longer than d for it to go.
func (p *Process) Kill(d time.Duration) bool {
	p.KillAll(p.Cgroup)
	return p.WaitFor(d)
}
