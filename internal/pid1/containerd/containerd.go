// Package containerd runs services as LinuxKit does: as containerd tasks in the namespace
// services.linuxkit, where ctr shows them.
//
//	Daemon    containerd itself, restarted when it exits
//	Runtime   a container.Runtime that uses containerd
//	RuncShim  the program that containerd's shim calls as runc
//
// PID 1 links no containerd client, which would be larger than PID 1, and does not run ctr, which
// takes longer to start than the calls themselves: it makes the few calls of containerd's gRPC API
// itself. The API cannot pass descriptors or network interfaces. So the shim is configured to call
// this program as runc: RuncShim gives the container PID 1's standard streams, interfaces and
// namespaces, and calls the real runc. Logs, readiness and order are therefore the same as without
// containerd, and containers survive a crash of containerd.
//
// The process of a container is a child of the shim. PID 1 watches it (process.Watch), and asks
// containerd for its exit status.
package containerd

import (
	"context"
	"errors"
	"os"
	"time"
)

// Namespace is the containerd namespace of LinuxKit's services, unless runtime.namespace names
// another.
const Namespace = "services.linuxkit"

// ErrUnresponsive is returned if containerd does not accept connections or does not answer in time.
var ErrUnresponsive = errors.New("containerd does not answer; see its log")

// Instance is an installed containerd and the paths that it uses.
type Instance struct {
	Daemon   string // path of containerd
	Socket   string // the socket of its API
	Tasks    string // directory with a directory NAMESPACE/ID for each task
	Database string // exists once containerd has had containers
	Settings string // its runtime-config.toml
}

// Stock is the containerd of LinuxKit's own component.
var Stock = Instance{
	Daemon:   "/usr/bin/containerd",
	Socket:   "/run/containerd/containerd.sock",
	Tasks:    "/run/containerd/io.containerd.runtime.v2.task",
	Database: "/var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db",
	Settings: "/etc/containerd/runtime-config.toml",
}

// Exists reports whether the machine has containerd.
func (i Instance) Exists() bool {
	info, err := os.Stat(i.Daemon)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// waitPoll is the polling interval of Wait.
const waitPoll = 20 * time.Millisecond

// Wait waits until containerd accepts connections, or ctx ends.
func (i Instance) Wait(ctx context.Context) error {
	for !i.accepting() {
		select {
		case <-ctx.Done():
			return i.timeoutError(ctx)
		case <-time.After(waitPoll):
		}
	}
	return nil
}

// accepting reports whether the socket accepts connections. A daemon that hangs may do so too, so
// every call has a deadline.
func (i Instance) accepting() bool {
	conn, err := i.connect()
	if err == nil {
		_ = conn.Close() // nothing was written to it
	}
	return err == nil
}
