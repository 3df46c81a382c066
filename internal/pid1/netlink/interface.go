package netlink

import (
	"errors"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Errors of Interface.Attach.
var (
	ErrNoName        = errors.New("network interface without a name; set name in runtime.interfaces")
	ErrNoPeer        = errors.New("veth pair without a name for the host's end; set peer")
	ErrSameNamespace = errors.New("the container shares the machine's network namespace; set net: new")
)

// Interface is an element of "interfaces" in runtime.json: a network interface for a
// container.
type Interface struct {
	Name         string
	Add          string // type of the interface to create, as in "ip link add"; "" for an existing one
	Peer         string // the host's end of a veth pair
	CreateInRoot bool   // create it in the machine's namespace, then move it; a tunnel sends from where it was created
}

// Attach creates the interface in the network namespace of a process, or moves it there.
// On error nothing that it created is left in the machine's namespace.
func (i Interface) Attach(pid int) error {
	if i.Add == "" && i.Peer != "" {
		i.Add = "veth"
	}
	switch {
	case i.Name == "":
		return ErrNoName
	case i.Add == "veth" && i.Peer == "":
		return i.failed("create veth pair", ErrNoPeer)
	}
	if err := checkNamespace(pid); err != nil {
		return i.failed("attach network interface", err)
	}
	return retry(func() error { return i.attach(pid) })
}

func (i Interface) attach(pid int) error {
	switch {
	case i.Add == "":
		return i.move(pid)
	case i.CreateInRoot && i.Add != "veth":
		if err := i.add(nil); err != nil {
			return err
		}
		err := i.move(pid)
		if err != nil {
			_ = newRequest(unix.RTM_DELLINK, 0, 0).text(unix.IFLA_IFNAME, i.Name).do() // the first error is returned
		}
		return err
	}
	return i.add(func(r request) request { return r.number(unix.IFLA_NET_NS_PID, pid) })
}

// vethPeer is VETH_INFO_PEER (linux/veth.h).
const vethPeer = 1

// add creates the interface. namespace appends an attribute with its network namespace;
// nil is the machine's.
func (i Interface) add(namespace func(request) request) error {
	r := newRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, 0).text(unix.IFLA_IFNAME, i.Name)
	if namespace != nil {
		r = namespace(r)
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
	return i.failed("create network interface of type "+i.Add, r.do())
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

// Up brings up an interface of the machine. The kernel then assigns the addresses of lo.
func Up(name string) error {
	err := newRequest(unix.RTM_SETLINK, 0, unix.IFF_UP).text(unix.IFLA_IFNAME, name).do()
	return Interface{Name: name}.failed("bring up network interface", err)
}

// checkNamespace returns an error if a process does not have its own network namespace.
func checkNamespace(pid int) error {
	var machine, container unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &machine); err != nil {
		return os.NewSyscallError("find the machine's network namespace", err)
	}
	if err := unix.Stat("/proc/"+strconv.Itoa(pid)+"/ns/net", &container); err != nil {
		return os.NewSyscallError("find the container's network namespace", err)
	}
	if machine.Dev == container.Dev && machine.Ino == container.Ino {
		return ErrSameNamespace
	}
	return nil
}

// Bounds of retry. When a container is restarted the kernel may still be removing the
// network namespace of its last run: the interfaces created there are deleted, and those
// moved there return to the machine.
const (
	retryTimeout  = 2 * time.Second
	retryInterval = 50 * time.Millisecond
)

// retry calls attach until the name is free (EEXIST) and the interface exists (ENODEV).
func retry(attach func() error) error {
	for end := time.Now().Add(retryTimeout); ; time.Sleep(retryInterval) {
		err := attach()
		if !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.ENODEV) || time.Now().After(end) {
			return err
		}
	}
}
