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
)

// The tests run in a network namespace of their own, which stands for the
// machine's; whoever is not root gets a user namespace with it.

const inside = "NETLINK_TEST_INSIDE"

func TestMain(m *testing.M) {
	if os.Getenv(inside) != "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	if cmd.Run() != nil {
		os.Exit(1) // it has told why
	}
}

// container starts a process that stands for a container's, and returns its pid.
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

// machine is the pid of a process in the namespace of the machine.
var machine = os.Getpid()

// has looks for a link in the namespace of a process.
func has(t *testing.T, pid int, name string) bool {
	t.Helper()
	links, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/net/dev")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(strings.ReplaceAll(string(links), "\n", " "), " "+name+":")
}

// movable is a type of link that can be moved; not every kernel has each.
func movable(t *testing.T) string {
	t.Helper()
	for _, kind := range []string{"dummy", "ifb"} {
		probe := Interface{Name: "probe", Add: kind}
		if probe.Give(container(t, syscall.CLONE_NEWNET)) == nil {
			return kind
		}
	}
	t.Fatal("the kernel has neither dummy nor ifb; load one of them")
	return ""
}

func TestAVethPairHasOneEndOnEitherSide(t *testing.T) {
	t.Parallel()
	pid := container(t, syscall.CLONE_NEWNET)
	for _, i := range []Interface{
		{Name: "eth0", Peer: "veth0"}, {Name: "eth1", Peer: "veth1", Add: "veth"}, {Name: "eth2", Peer: "veth2", CreateInRoot: true},
	} {
		if err := i.Give(pid); err != nil {
			t.Errorf("%+v: %v", i, err)
		}
		if !has(t, pid, i.Name) || has(t, pid, i.Peer) || has(t, machine, i.Name) || !has(t, machine, i.Peer) {
			t.Errorf("%+v: an end is in the wrong place", i)
		}
	}
}

// A bridge cannot be moved, so one in the container was made there.
func TestOtherTypesAreMadeInTheContainer(t *testing.T) {
	t.Parallel()
	pid := container(t, syscall.CLONE_NEWNET)
	for _, kind := range []string{"bridge", movable(t)} {
		i := Interface{Name: kind + "0", Add: kind}
		if err := i.Give(pid); err != nil || !has(t, pid, i.Name) || has(t, machine, i.Name) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestWhatIsThereIsMoved(t *testing.T) {
	t.Parallel()
	first, second := container(t, syscall.CLONE_NEWNET), container(t, syscall.CLONE_NEWNET)
	if err := (Interface{Name: "other", Peer: "nic0"}).Give(first); err != nil {
		t.Fatal(err)
	}
	if err := (Interface{Name: "nic0"}).Give(second); err != nil || has(t, machine, "nic0") || !has(t, second, "nic0") {
		t.Errorf("it did not arrive: %v", err)
	}
}

func TestWhatIsMadeInRootArrives(t *testing.T) {
	t.Parallel()
	pid := container(t, syscall.CLONE_NEWNET)
	i := Interface{Name: "made0", Add: movable(t), CreateInRoot: true}
	if err := i.Give(pid); err != nil || has(t, machine, i.Name) || !has(t, pid, i.Name) {
		t.Errorf("it did not arrive: %v", err)
	}
}

func TestWhatDoesNotArriveIsNotLeftBehind(t *testing.T) {
	t.Parallel()
	pid := container(t, syscall.CLONE_NEWNET)
	err := Interface{Name: "stuck0", Add: "bridge", CreateInRoot: true}.Give(pid)
	if !errors.Is(err, unix.EINVAL) || has(t, machine, "stuck0") {
		t.Errorf("a bridge cannot be moved, and must not stay: %v", err)
	}
}

func TestRefusalsNameTheInterfaceAndTheReason(t *testing.T) {
	t.Parallel()
	own := container(t, syscall.CLONE_NEWNET)
	for name, tt := range map[string]struct {
		i    Interface
		pid  int
		is   error
		text string
	}{
		"no name":     {i: Interface{Add: "bridge"}, pid: own, is: ErrNoName, text: "without a name"},
		"half a pair": {i: Interface{Name: "a0", Add: "veth"}, pid: own, is: ErrNoPeer, text: "make veth pair a0: "},
		"the machine's": {
			i:    Interface{Name: "a1", Add: "bridge"},
			pid:  container(t, 0),
			is:   ErrSameNamespace,
			text: "a1: the container has the network namespace of the machine",
		},
		"a process that left": {
			i:    Interface{Name: "a2", Add: "bridge"},
			pid:  1 << 30,
			is:   unix.ENOENT,
			text: "a2: look at the container's network namespace",
		},
		"an unknown type": {
			i:    Interface{Name: "a3", Add: "nonsense"},
			pid:  own,
			is:   unix.EOPNOTSUPP,
			text: "make network interface of type nonsense a3: operation not supported",
		},
		"none of that name": {
			i:    Interface{Name: "a4"},
			pid:  own,
			is:   unix.ENODEV,
			text: "move network interface to the container a4: no such device",
		},
		"a taken name": {
			i:    Interface{Name: "lo", Add: "bridge"},
			pid:  own,
			is:   unix.EEXIST,
			text: "make network interface of type bridge lo: file exists",
		},
		"a long name": {
			i:    Interface{Name: strings.Repeat("a", 16), Add: "bridge"},
			pid:  own,
			is:   unix.ERANGE,
			text: "numerical result out of range",
		},
		"a huge name": {
			i:    Interface{Name: strings.Repeat("a", 1<<17), Add: "bridge"},
			pid:  own,
			is:   unix.ENAMETOOLONG,
			text: "file name too long",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tt.i.Give(tt.pid)
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want %v and %q", err, tt.is, tt.text)
			}
		})
	}
}

// A service that is started again finds the links of its last run still there.
func TestANameThatIsFreedInAMomentIsWaitedFor(t *testing.T) {
	t.Parallel()
	last := container(t, syscall.CLONE_NEWNET)
	i := Interface{Name: "eth0", Peer: "again0"}
	if err := i.Give(last); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(2*pause, func() { _ = syscall.Kill(last, syscall.SIGKILL) })
	if err := i.Give(container(t, syscall.CLONE_NEWNET)); err != nil {
		t.Error(err)
	}
}

func TestUpGivesLoopbackItsAddress(t *testing.T) {
	t.Parallel()
	if err := Up("lo"); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := Up("nobody0"); !errors.Is(err, unix.ENODEV) || !strings.Contains(err.Error(), "nobody0") {
		t.Errorf("of none: %v", err)
	}
}

func TestReceiveHasADeadline(t *testing.T) {
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

func TestReceiveHearsTheKernelOnly(t *testing.T) {
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
	liar, err := Open(unix.NETLINK_ROUTE, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer liar.Close()
	if err := unix.Sendto(liar.fd, answer(0, 0), 0, name); err != nil {
		t.Fatal(err)
	}
	if b, err := s.Receive(make([]byte, 100), 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("heard %q, %v", b, err)
	}
}

// answer is what the kernel sends for a request, with attributes behind it.
func answer(code int32, flags uint16, attributes ...byte) []byte {
	b := order.AppendUint32(nil, uint32(36+len(attributes)))
	b = order.AppendUint16(b, unix.NLMSG_ERROR)
	b = order.AppendUint16(b, flags)
	b = order.AppendUint32(b, sequence)
	b = order.AppendUint32(b, 0)
	b = order.AppendUint32(b, uint32(code))
	return append(append(b, make([]byte, 16)...), attributes...)
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	said := []byte(request{}.number(2, 7).text(unix.NLMSGERR_ATTR_MSG, "Unknown device type"))
	for name, tt := range map[string]struct {
		answer []byte
		want   string
	}{
		"done":                    {answer(0, 0), ""},
		"refused":                 {answer(-17, 0), "file exists"},
		"refused in words":        {answer(-95, unix.NLM_F_ACK_TLVS, said...), "operation not supported (Unknown device type)"},
		"words not announced":     {answer(-95, 0, said...), "operation not supported"},
		"words that end early":    {answer(-95, unix.NLM_F_ACK_TLVS, said[:len(said)-8]...), "operation not supported"},
		"an attribute of no size": {answer(-95, unix.NLM_F_ACK_TLVS, 0, 0, 0, 0), "operation not supported"},
		"cut":                     {answer(0, 0)[:30], "netlink: " + errAnswer.Error()},
		"nothing":                 {nil, "netlink: " + errAnswer.Error()},
		"no answer":               {make([]byte, 100), "netlink: " + errAnswer.Error()},
	} {
		got := ""
		if err := parseAnswer(tt.answer); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(answer(-95, unix.NLM_F_ACK_TLVS, request{}.text(unix.NLMSGERR_ATTR_MSG, "words")...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := parseAnswer(b); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
	})
}
