// Package containerd runs services as LinuxKit does: as containerd's tasks, in the
// namespace services.linuxkit, where an operator finds them with ctr.
//
//	Daemon    containerd itself, which comes back when it dies
//	Runtime   a container.Runtime that asks containerd
//	Between   what containerd's shim takes for runc
//
// PID 1 links no client of containerd, which would be larger than all of PID 1, and does
// not run ctr, which takes longer to come up than what it is asked for: it makes the few
// calls of containerd's API itself. What they cannot do is done in between: the shim calls
// this program by the name of runc, which gives the container the standard streams that
// PID 1 has for it, its network interfaces and its namespaces, and then calls runc. So
// logs, readiness and order are the same as without containerd, and a container does not
// notice when containerd or its shim dies.
//
// A container's process is the shim's child. PID 1 watches it (process.Watch), and
// asks containerd for its exit status.
package containerd

import (
	"context"
	"errors"
	"os"
	"time"
)

// Namespace is where LinuxKit's services are unless runtime.namespace says otherwise.
const Namespace = "services.linuxkit"

// ErrSilent is what is said of a containerd that does not take connections, or does not
// answer in time.
var ErrSilent = errors.New("containerd does not answer; see its log")

// Place is where a containerd is and what it works with.
type Place struct {
	Daemon   string // path of containerd
	Socket   string // where containerd answers
	Tasks    string // where containerd has a directory for each task: NAMESPACE/ID
	Database string // the file that exists once containerd has had containers
	Settings string // runtime-config.toml
}

// Stock is the place of LinuxKit's own component.
var Stock = Place{
	Daemon:   "/usr/bin/containerd",
	Socket:   "/run/containerd/containerd.sock",
	Tasks:    "/run/containerd/io.containerd.runtime.v2.task",
	Database: "/var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db",
	Settings: "/etc/containerd/runtime-config.toml",
}

// Exists reports whether the machine has containerd.
func (p Place) Exists() bool {
	info, err := os.Stat(p.Daemon)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// waitPoll is how often to look whether containerd answers.
const waitPoll = 20 * time.Millisecond

// Wait waits until containerd takes connections, or ctx ends.
func (p Place) Wait(ctx context.Context) error {
	for !p.answers() {
		select {
		case <-ctx.Done():
			return p.late(ctx)
		case <-time.After(waitPoll):
		}
	}
	return nil
}

// answers reports whether somebody takes connections. A daemon that hangs may do
// that as well; whoever then asks it has a deadline.
func (p Place) answers() bool {
	conn, err := p.connect()
	if err == nil {
		_ = conn.Close() // nothing was written to it
	}
	return err == nil
}
