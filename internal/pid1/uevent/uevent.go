// Package uevent hears from the kernel which devices have appeared, so that
// modules can be loaded for those that were not there at boot: what mdev does
// for LinuxKit, without a process for each.
//
// The kernel sends every change of a device to the sockets of a multicast group
// (Documentation/ABI/testing/sysfs-uevent, lib/kobject_uevent.c). Devices come
// in swarms, a disk with its host, its bus and its partitions, so events are
// handed on in batches. The kernel keeps what nobody has read yet, up to a
// bound; beyond it events get lost, which it says, and then all devices are to be
// looked at again. Firmware is the kernel's own business: it reads /lib/firmware.
package uevent

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/netlink"
)

// Bounds of what is kept and how long it is waited for.
const (
	queue    = 1 << 20 // bytes of events that the kernel keeps, some thousand
	maxEvent = 8 << 10 // the kernel's own are below 2 KiB and a path
	maxBatch = 64      // aliases
	quiet    = 100 * time.Millisecond
	longest  = time.Second // how long a swarm may keep a batch open
)

// group is the multicast group of the kernel's events. Those of udev have another.
const group = 1

// Batch is what has happened in a short while: which aliases new devices have,
// each once. Lost says that there was more, which nobody knows.
type Batch struct {
	Aliases []string
	Lost    bool
}

// Empty reports whether nothing has happened.
func (b Batch) Empty() bool { return len(b.Aliases) == 0 && !b.Lost }

// Listener hears the events.
type Listener struct {
	socket *netlink.Socket
	buffer []byte
}

// Listen begins to listen: what happens from now on is kept.
func Listen() (*Listener, error) {
	s, err := netlink.Open(unix.NETLINK_KOBJECT_UEVENT, group)
	if err != nil {
		return nil, err
	}
	_ = s.Reserve(queue) // in a container it is forbidden; then the queue is the kernel's default
	return &Listener{socket: s, buffer: make([]byte, maxEvent)}, nil
}

// Close ends the listening.
func (l *Listener) Close() { l.socket.Close() }

// Pending returns what has happened since it was last asked, without waiting.
func (l *Listener) Pending() (Batch, error) { return l.gather(0, 0) }

// Next waits, no longer than wait, for a device to appear, and then a moment for
// those that follow. Where nothing happens the batch is empty.
func (l *Listener) Next(wait time.Duration) (Batch, error) { return l.gather(wait, quiet) }

// gather reads events until there was none for a while.
func (l *Listener) gather(first, further time.Duration) (Batch, error) {
	var b Batch
	known := map[string]bool{}
	wait, end := first, time.Now().Add(first+longest)
	for len(b.Aliases) < maxBatch && !time.Now().After(end) {
		msg, err := l.socket.Receive(l.buffer, wait)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return b, nil
		case errors.Is(err, unix.ENOBUFS):
			b.Lost = true
		case err != nil:
			return b, err
		}
		if alias := Added(msg); alias != "" && !known[alias] {
			known[alias] = true
			b.Aliases = append(b.Aliases, alias)
		}
		if !b.Empty() {
			wait = further
		}
	}
	return b, nil
}
