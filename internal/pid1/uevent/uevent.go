// Package uevent receives the kernel's events about new devices, for which modules are to
// be loaded: the part of mdev in LinuxKit, without a process for each event.
//
// The kernel sends every change of a device to the sockets of a multicast group
// (Documentation/ABI/testing/sysfs-uevent, lib/kobject_uevent.c). Devices come in bursts,
// such as a disk with its host, bus and partitions, so events are returned in batches.
// When the buffer of the socket is full events are lost, which the kernel reports; then
// all devices must be scanned again. Firmware is loaded by the kernel from /lib/firmware.
package uevent

import (
	"errors"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/netlink"
)

// Bounds of buffers and waits.
const (
	bufferSize  = 1 << 20                // receive buffer of the socket in bytes: some thousand events
	maxEvent    = 8 << 10                // bytes; the kernel's are below 2 KiB and a path
	maxBatch    = 64                     // aliases
	quietPeriod = 100 * time.Millisecond // ends a batch
	maxGather   = time.Second            // for a batch without a quiet period
)

// group is the multicast group of the kernel's events. udev uses another one.
const group = 1

// Batch is the aliases of the devices of some events, without duplicates. If Lost is set
// there were further events.
type Batch struct {
	Aliases []string
	Lost    bool
}

// Empty reports whether no device has appeared and no event was lost.
func (b Batch) Empty() bool { return len(b.Aliases) == 0 && !b.Lost }

// Listener receives events.
type Listener struct {
	socket *netlink.Socket
	buffer []byte
}

// Listen returns a listener for all events from now on.
func Listen() (*Listener, error) {
	s, err := netlink.Open(unix.NETLINK_KOBJECT_UEVENT, group)
	if err != nil {
		return nil, err
	}
	_ = s.SetReceiveBuffer(bufferSize) // not permitted in a container; the default is smaller
	return &Listener{socket: s, buffer: make([]byte, maxEvent)}, nil
}

// Close closes the listener.
func (l *Listener) Close() { l.socket.Close() }

// Pending returns the events since the last call, without waiting.
func (l *Listener) Pending() (Batch, error) { return l.gather(0, 0) }

// Next waits for a new device, and then for further ones until a quiet period. If there is
// none within wait the batch is empty.
func (l *Listener) Next(wait time.Duration) (Batch, error) { return l.gather(wait, quietPeriod) }

// gather reads events until there is none for first, or after the first one for further.
func (l *Listener) gather(first, further time.Duration) (Batch, error) {
	var b Batch
	known := map[string]bool{}
	wait, end := first, time.Now().Add(first+maxGather)
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

// Added returns the alias of the device in a message about a new device, or "" for any
// other message. The format is ACTION@PATH and KEY=VALUE..., each zero-terminated.
func Added(msg []byte) string {
	text, whole := strings.CutSuffix(string(msg), "\x00")
	title, rest, found := strings.Cut(text, "\x00")
	path, add := strings.CutPrefix(title, "add@/")
	if !whole || !found || !add || path == "" {
		return ""
	}
	alias, action := "", ""
	for _, pair := range strings.Split(rest, "\x00") {
		key, value, _ := strings.Cut(pair, "=")
		switch key {
		case "ACTION":
			action = value
		case "MODALIAS":
			alias = value
		}
	}
	if action != "add" || strings.ContainsFunc(alias, unprintable) {
		return ""
	}
	return alias
}

func unprintable(r rune) bool { return r < ' ' || r > '~' }
