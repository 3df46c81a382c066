package netlink

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/fixtures/netns"
)

// The tests run in a new network namespace in place of the machine's, and without root in a
// new user namespace as well.

func TestMain(m *testing.M) { netns.Main(m) }

// container starts a process in place of a container's, and returns its pid.
func container(t *testing.T, namespaces uintptr) int {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd.Process.Pid
}

// machine is the pid of a process in the machine's namespace.
var machine = os.Getpid()

// has reports whether the namespace of a process has an interface.
func has(t *testing.T, pid int, name string) bool {
	t.Helper()
	links, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/net/dev")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(strings.ReplaceAll(string(links), "\n", " "), " "+name+":")
}

// movable returns a type of interface that this kernel has and can move.
func movable(t *testing.T) string {
	t.Helper()
	for _, kind := range []string{"dummy", "ifb"} {
		probe := Interface{Name: "probe", Add: kind}
		if probe.Attach(container(t, syscall.CLONE_NEWNET)) == nil {
			return kind
		}
	}
	t.Fatal("the kernel has neither dummy nor ifb; load one of them")
	return ""
}

func TestVethPairHasOneEndInEachNamespace(t *testing.T) {
	t.Parallel()
	pid := container(t, syscall.CLONE_NEWNET)
	for _, i := range []Interface{
		{Name: "eth0", Peer: "veth0"}, {Name: "eth1", Peer: "veth1", Add: "veth"}, {Name: "eth2", Peer: "veth2", CreateInRoot: true},
	} {
		if err := i.Attach(pid); err != nil {
			t.Errorf("%+v: %v", i, err)
		}
		if !has(t, pid, i.Name) || has(t, pid, i.Peer) || has(t, machine, i.Name) || !has(t, machine, i.Peer) {
			t.Errorf("%+v: an end is in the wrong namespace", i)
		}
	}
}

// A bridge cannot be moved, so one in the container was created there.
func TestInterfaceIsCreatedInTheContainer(t *testing.T) {
	t.Parallel()
	pid := container(t, syscall.CLONE_NEWNET)
	for _, kind := range []string{"bridge", movable(t)} {
		i := Interface{Name: kind + "0", Add: kind}
		if err := i.Attach(pid); err != nil || !has(t, pid, i.Name) || has(t, machine, i.Name) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestExistingInterfaceIsMoved(t *testing.T) {
	t.Parallel()
	first, second := container(t, syscall.CLONE_NEWNET), container(t, syscall.CLONE_NEWNET)
	if err := (Interface{Name: "other", Peer: "nic0"}).Attach(first); err != nil {
		t.Fatal(err)
	}
	if err := (Interface{Name: "nic0"}).Attach(second); err != nil || has(t, machine, "nic0") || !has(t, second, "nic0") {
		t.Errorf("not moved: %v", err)
	}
}

func TestInterfaceCreatedInRootIsMoved(t *testing.T) {
	t.Parallel()
	pid := container(t, syscall.CLONE_NEWNET)
	i := Interface{Name: "made0", Add: movable(t), CreateInRoot: true}
	if err := i.Attach(pid); err != nil || has(t, machine, i.Name) || !has(t, pid, i.Name) {
		t.Errorf("not moved: %v", err)
	}
}

func TestInterfaceThatCannotBeMovedIsDeleted(t *testing.T) {
	t.Parallel()
	pid := container(t, syscall.CLONE_NEWNET)
	err := Interface{Name: "stuck0", Add: "bridge", CreateInRoot: true}.Attach(pid)
	if !errors.Is(err, unix.EINVAL) || has(t, machine, "stuck0") {
		t.Errorf("a bridge cannot be moved and must be deleted: %v", err)
	}
}

func TestAttachErrors(t *testing.T) {
	t.Parallel()
	own := container(t, syscall.CLONE_NEWNET)
	for name, tt := range map[string]struct {
		i    Interface
		pid  int
		is   error
		text string
	}{
		"no name": {i: Interface{Add: "bridge"}, pid: own, is: ErrNoName, text: "without a name"},
		"no peer": {i: Interface{Name: "a0", Add: "veth"}, pid: own, is: ErrNoPeer, text: "create veth pair a0: "},
		"namespace of the machine": {
			i: Interface{Name: "a1", Add: "bridge"}, pid: container(t, 0), is: ErrSameNamespace,
			text: "a1: the container shares the machine's network namespace",
		},
		"process that has ended": {
			i: Interface{Name: "a2", Add: "bridge"}, pid: 1 << 30, is: unix.ENOENT,
			text: "a2: find the container's network namespace",
		},
		"unknown type": {
			i: Interface{Name: "a3", Add: "nonsense"}, pid: own, is: unix.EOPNOTSUPP,
			text: "create network interface of type nonsense a3: operation not supported",
		},
		"unknown name": {
			i: Interface{Name: "a4"}, pid: own, is: unix.ENODEV,
			text: "move network interface to the container a4: no such device",
		},
		"name in use": {
			i: Interface{Name: "lo", Add: "bridge"}, pid: own, is: unix.EEXIST,
			text: "create network interface of type bridge lo: file exists",
		},
		"long name": {
			i: Interface{Name: strings.Repeat("a", 16), Add: "bridge"}, pid: own, is: unix.ERANGE,
			text: "numerical result out of range",
		},
		"huge name": {
			i: Interface{Name: strings.Repeat("a", 1<<17), Add: "bridge"}, pid: own, is: unix.ENAMETOOLONG,
			text: "file name too long",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tt.i.Attach(tt.pid)
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want %v and %q", err, tt.is, tt.text)
			}
		})
	}
}

// A restarted service finds the interfaces of its last run for a moment.
func TestRetriesUntilTheNameIsFree(t *testing.T) {
	t.Parallel()
	last := container(t, syscall.CLONE_NEWNET)
	i := Interface{Name: "eth0", Peer: "again0"}
	if err := i.Attach(last); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(2*retryInterval, func() { _ = syscall.Kill(last, syscall.SIGKILL) })
	if err := i.Attach(container(t, syscall.CLONE_NEWNET)); err != nil {
		t.Error(err)
	}
}

func TestUpAssignsTheLoopbackAddress(t *testing.T) {
	t.Parallel()
	if err := Up("lo"); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := Up("unknown0"); !errors.Is(err, unix.ENODEV) || !strings.Contains(err.Error(), "unknown0") {
		t.Errorf("unknown interface: %v", err)
	}
}

func TestReceiveTimesOut(t *testing.T) {
	t.Parallel()
	s, err := Open(unix.NETLINK_ROUTE, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Receive(make([]byte, 16), 10*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v, want the deadline", err)
	}
}

func TestReceiveIgnoresOtherSenders(t *testing.T) {
	t.Parallel()
	s, err := Open(unix.NETLINK_ROUTE, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	name, err := unix.Getsockname(s.fd)
	if err != nil {
		t.Fatal(err)
	}
	other, err := Open(unix.NETLINK_ROUTE, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := unix.Sendto(other.fd, ack(0, 0), 0, name); err != nil {
		t.Fatal(err)
	}
	if b, err := s.Receive(make([]byte, 100), 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("received %q, %v", b, err)
	}
}

// ack returns an acknowledgement of the kernel with attributes.
func ack(code int32, flags uint16, attributes ...byte) []byte {
	b := order.AppendUint32(nil, uint32(36+len(attributes)))
	b = order.AppendUint16(b, unix.NLMSG_ERROR)
	b = order.AppendUint16(b, flags)
	b = order.AppendUint32(b, sequence)
	b = order.AppendUint32(b, 0)
	b = order.AppendUint32(b, uint32(code))
	return append(append(b, make([]byte, 16)...), attributes...)
}

func TestParseAck(t *testing.T) {
	t.Parallel()
	message := []byte(request{}.number(2, 7).text(unix.NLMSGERR_ATTR_MSG, "Unknown device type"))
	for name, tt := range map[string]struct {
		ack  []byte
		want string
	}{
		"success":              {ack(0, 0), ""},
		"error":                {ack(-17, 0), "file exists"},
		"error with message":   {ack(-95, unix.NLM_F_ACK_TLVS, message...), "operation not supported (Unknown device type)"},
		"message without flag": {ack(-95, 0, message...), "operation not supported"},
		"truncated message":    {ack(-95, unix.NLM_F_ACK_TLVS, message[:len(message)-8]...), "operation not supported"},
		"attribute of size 0":  {ack(-95, unix.NLM_F_ACK_TLVS, 0, 0, 0, 0), "operation not supported"},
		"truncated":            {ack(0, 0)[:30], "netlink: " + errBadAck.Error()},
		"empty":                {nil, "netlink: " + errBadAck.Error()},
		"zeros":                {make([]byte, 100), "netlink: " + errBadAck.Error()},
	} {
		got := ""
		if err := parseAck(tt.ack); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func FuzzParseAck(f *testing.F) {
	f.Add(ack(-95, unix.NLM_F_ACK_TLVS, request{}.text(unix.NLMSGERR_ATTR_MSG, "words")...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := parseAck(b); err != nil && err.Error() == "" {
			t.Error("error without text")
		}
	})
}
