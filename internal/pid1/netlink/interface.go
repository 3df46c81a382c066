package netlink

import (
	"errors"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Errors of Give.
var (
	ErrNoName        = errors.New("a network interface without a name; give each of runtime.interfaces one")
	ErrNoPeer        = errors.New("a veth pair needs the name of its other end; add peer")
	ErrSameNamespace = errors.New("the container has the network namespace of the machine; give it its own by net: new")
)

// Interface is what runtime.json asks for under "interfaces": a link that the
// container is to have.
type Interface struct {
	Name         string
	Add          string // type of the link to make, as "ip link add" has them; "" for one that is there
	Peer         string // the other end of a veth pair, which stays with the machine
	CreateInRoot bool   // make it with the machine and move it; a tunnel sends from where it was made
}

// Give puts the interface into the network namespace of a process. The machine's
// namespace keeps nothing of one that fails.
func (i Interface) Give(pid int) error {
	if i.Add == "" && i.Peer != "" {
		i.Add = "veth"
	}
	switch {
	case i.Name == "":
		return ErrNoName
	case i.Add == "veth" && i.Peer == "":
		return i.failed("make veth pair", ErrNoPeer)
	}
	if err := apart(pid); err != nil {
		return i.failed("hand over network interface", err)
	}
	return patiently(func() error { return i.give(pid) })
}

func (i Interface) give(pid int) error {
	switch {
	case i.Add == "":
		return i.move(pid)
	case i.CreateInRoot && i.Add != "veth":
		if err := i.add(nil); err != nil {
			return err
		}
		err := i.move(pid)
		if err != nil {
			_ = newRequest(unix.RTM_DELLINK, 0, 0).text(unix.IFLA_IFNAME, i.Name).do() // what is said is why it did not move
		}
		return err
	}
	return i.add(func(r request) request { return r.number(unix.IFLA_NET_NS_PID, pid) })
}

// vethPeer is VETH_INFO_PEER (linux/veth.h).
const vethPeer = 1

// add makes the link, in the namespace that where appends.
func (i Interface) add(where func(request) request) error {
	r := newRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, 0).text(unix.IFLA_IFNAME, i.Name)
	if where != nil {
		r = where(r)
	}
	r = r.nest(unix.IFLA_LINKINFO, func(r request) request {
		r = r.text(unix.IFLA_INFO_KIND, i.Add)
		if i.Add != "veth" {
			return r
		}
		return r.nest(unix.IFLA_INFO_DATA, func(r request) request {
			return r.nest(vethPeer, func(r request) request { return r.link(0).text(unix.IFLA_IFNAME, i.Peer) })
		})
	})
	return i.failed("make network interface of type "+i.Add, r.do())
}

func (i Interface) move(pid int) error {
	r := newRequest(unix.RTM_SETLINK, 0, 0).text(unix.IFLA_IFNAME, i.Name).number(unix.IFLA_NET_NS_PID, pid)
	return i.failed("move network interface to the container", r.do())
}

func (i Interface) failed(op string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: op, Path: i.Name, Err: err}
}

// Up brings up a link of the machine. Loopback gets its addresses by that.
func Up(name string) error {
	err := newRequest(unix.RTM_SETLINK, 0, unix.IFF_UP).text(unix.IFLA_IFNAME, name).do()
	return Interface{Name: name}.failed("bring up network interface", err)
}

// apart makes sure that a process has a network namespace of its own.
func apart(pid int) error {
	var own, theirs unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &own); err != nil {
		return os.NewSyscallError("look at the machine's network namespace", err)
	}
	if err := unix.Stat("/proc/"+strconv.Itoa(pid)+"/ns/net", &theirs); err != nil {
		return os.NewSyscallError("look at the container's network namespace", err)
	}
	if own.Dev == theirs.Dev && own.Ino == theirs.Ino {
		return ErrSameNamespace
	}
	return nil
}

// patience is how long to try again: when a container is started anew, the
// kernel is still taking the namespace of the last one down, with the links that
// were in it, and gives a machine's own back.
const (
	patience = 2 * time.Second
	pause    = 50 * time.Millisecond
)

// patiently tries until the name is free, or the link is there.
func patiently(try func() error) error {
	for end := time.Now().Add(patience); ; time.Sleep(pause) {
		err := try()
		if !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.ENODEV) || time.Now().After(end) {
			return err
		}
	}
}
