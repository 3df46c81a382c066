// Package container runs OCI bundles. A Runtime starts a container and returns its process;
// restarts, stops and records are the supervisor's and the same for every runtime.
package container

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/process"
)

var (
	// ErrNoRuntime is returned by every start on a machine without runc.
	ErrNoRuntime = errors.New("runc not found; add a component with runc to init")
	// ErrStart is returned for a start that runc rejects. runc writes the reason to the standard
	// error of the container.
	ErrStart = errors.New("runc failed to start the container; see the container's log")
)

// Container describes a container to start.
type Container struct {
	ID        string
	Bundle    string // directory with config.json
	Env       []string
	Stdin     *os.File
	Stdout    *os.File
	Stderr    *os.File
	Files     []*os.File // descriptors 3 and up
	Attach    string     // directory of a bundle to attach (bundle.Attach) before the program starts, or ""
	Namespace string     // of containerd; "" for the default
}

// Process is the first process of a running container.
type Process struct {
	*process.Child
	Cgroup process.Cgroup
}

// Runtime starts and deletes containers.
//
// Start returns once the container's own program runs, or has run. If it returns an error it has
// removed what the failed start left.
type Runtime interface {
	Start(ctx context.Context, c Container) (*Process, error)
	// Delete deletes a container that has ended and kills its remaining processes. It uses the
	// fields of c that name the container.
	Delete(ctx context.Context, c Container) error
}

// NoRuntime is the runtime of a machine without runc.
type NoRuntime struct{}

// Start implements Runtime.
func (NoRuntime) Start(context.Context, Container) (*Process, error) { return nil, ErrNoRuntime }

// Delete implements Runtime.
func (NoRuntime) Delete(context.Context, Container) error { return nil }

// Kill kills the process and its cgroup, and reports whether the process ends within d.
func (p *Process) Kill(d time.Duration) bool {
	p.KillAll(p.Cgroup)
	return p.WaitFor(d)
}
