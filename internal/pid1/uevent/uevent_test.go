package uevent

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The tests run in a network namespace of their own, where the kernel spreads
// what the owner of the namespace asks it to, as if it came from itself
// (uevent_net_rcv in lib/kobject_uevent.c). Whoever is not root gets a user
// namespace with it. All hear all, so those that listen run one after another.

const inside = "UEVENT_TEST_INSIDE"

func TestMain(m *testing.M) {
	if os.Getenv(inside) != "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"="+strconv.Itoa(os.Getuid()))
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

const wait = 20 * time.Second

func listen(t *testing.T) *Listener {
	t.Helper()
	l, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// spread makes the kernel send messages to everyone who listens in the namespace.
func spread(t *testing.T, messages ...string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, msg := range messages {
		b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(msg)))
		b = binary.NativeEndian.AppendUint16(b, unix.NLMSG_MIN_TYPE)
		b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST)
		b = append(append(b, make([]byte, 8)...), msg...)
		if err := unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			t.Fatal(err)
		}
	}
}

func added(alias string) string {
	return "add@/devices/x\x00ACTION=add\x00DEVPATH=/devices/x\x00SUBSYSTEM=virtio\x00MODALIAS=" + alias + "\x00"
}

func TestASwarmOfEventsIsOneBatchWithEachAliasOnce(t *testing.T) {
	l := listen(t)
	spread(t, added("virtio:1"), added("virtio:2"), "remove@/devices/x\x00ACTION=remove\x00MODALIAS=virtio:9\x00", added("virtio:1"), added("usb:3"))
	b, err := l.Next(wait)
	if want := (Batch{Aliases: []string{"virtio:1", "virtio:2", "usb:3"}}); err != nil || !reflect.DeepEqual(b, want) {
		t.Errorf("%+v, %v, want %+v", b, err, want)
	}
	if b, err := l.Next(time.Millisecond); err != nil || !b.Empty() {
		t.Errorf("nothing is left: %+v, %v", b, err)
	}
}

func TestPendingIsWhatHasHappenedSinceListen(t *testing.T) {
	l := listen(t)
	if b, err := l.Pending(); err != nil || !b.Empty() {
		t.Errorf("before anything: %+v, %v", b, err)
	}
	spread(t, added("virtio:1"))
	if b, err := l.Pending(); err != nil || !reflect.DeepEqual(b.Aliases, []string{"virtio:1"}) {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestALargeSwarmComesInBatches(t *testing.T) {
	l := listen(t)
	const all = maxBatch + 10
	for i := range all {
		spread(t, added("virtio:"+strconv.Itoa(i)))
	}
	first, err := l.Next(wait)
	second, err2 := l.Next(wait)
	if err != nil || err2 != nil || len(first.Aliases) != maxBatch || len(second.Aliases) != all-maxBatch || first.Lost || second.Lost {
		t.Errorf("%d and %d aliases, %v, %v", len(first.Aliases), len(second.Aliases), err, err2)
	}
}

func TestAFloodThatNobodyReadsIsToldAsLost(t *testing.T) {
	l := listen(t)
	padding := strings.Repeat("x", 1500)
	for range 2 * queue / len(padding) {
		spread(t, added(padding))
	}
	for end := time.Now().Add(wait); time.Now().Before(end); {
		b, err := l.Next(wait)
		if err != nil {
			t.Fatal(err)
		}
		if b.Lost {
			return
		}
	}
	t.Error("nobody has said that events are lost")
}

// Anybody with the rights may send to the group; udev does. It is not the kernel.
func TestOnlyTheKernelIsHeard(t *testing.T) {
	l := listen(t)
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	to := &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: group}
	err = unix.Sendto(fd, []byte(added("virtio:liar")), 0, to)
	if err != nil && !errors.Is(err, unix.ECONNREFUSED) { // what a multicast says of the kernel's own socket
		t.Fatal(err)
	}
	spread(t, added("virtio:true"))
	if b, err := l.Next(wait); err != nil || !reflect.DeepEqual(b.Aliases, []string{"virtio:true"}) {
		t.Errorf("%+v, %v", b, err)
	}
}

// A device of this machine appears once more. Only root can make it; for others
// its event is made up from what the kernel tells of the device.
func TestARealDevice(t *testing.T) {
	l := listen(t)
	path, alias := device(t)
	if os.Getenv(inside) != "0" {
		spread(t, added(alias))
	} else if err := os.WriteFile(path, []byte("add"), 0); err != nil {
		t.Fatal(err)
	}
	b, err := l.Next(wait)
	if err != nil || !reflect.DeepEqual(b.Aliases, []string{alias}) {
		t.Errorf("%s: %q, %v, want %q", path, b.Aliases, err, alias)
	}
}

// device returns the uevent file of some device with an alias, and the alias.
func device(t *testing.T) (path, alias string) {
	t.Helper()
	paths, err := filepath.Glob("/sys/devices/*/*/uevent")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, _ := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			if alias, found := strings.CutPrefix(line, "MODALIAS="); found {
				return path, strings.TrimSpace(alias)
			}
		}
	}
	t.Fatal("no device of this machine has an alias")
	return "", ""
}

func TestAdded(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ msg, want string }{
		"a device":               {added("pci:v00008086d*"), "pci:v00008086d*"},
		"with blanks and commas": {added("of:Nx T<NULL>Cv,d"), "of:Nx T<NULL>Cv,d"},
		"without an alias":       {"add@/devices/x\x00ACTION=add\x00", ""},
		"a change":               {"change@/devices/x\x00ACTION=change\x00MODALIAS=a\x00", ""},
		"two minds":              {"add@/devices/x\x00ACTION=remove\x00MODALIAS=a\x00", ""},
		"no action":              {"add@/devices/x\x00MODALIAS=a\x00", ""},
		"no path":                {"add@\x00ACTION=add\x00MODALIAS=a\x00", ""},
		"a relative path":        {"add@x\x00ACTION=add\x00MODALIAS=a\x00", ""},
		"udev's":                 {"libudev\x00\xfe\xed\xca\xfeadd@/devices/x\x00ACTION=add\x00MODALIAS=a\x00", ""},
		"cut":                    {strings.TrimSuffix(added("abc"), "c\x00"), ""},
		"title only":             {"add@/devices/x\x00", ""},
		"a line break":           {added("a\nb"), ""},
		"not ASCII":              {added("\xff"), ""},
		"nothing":                {"", ""},
		"zeros":                  {"\x00\x00\x00", ""},
	} {
		if got := Added([]byte(tt.msg)); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func FuzzAdded(f *testing.F) {
	f.Add([]byte(added("virtio:d00000001v00001AF4")))
	f.Fuzz(func(t *testing.T, msg []byte) {
		alias := Added(msg)
		if strings.ContainsFunc(alias, unprintable) || !strings.Contains(string(msg), alias) {
			t.Errorf("%q is not of the message", alias)
		}
	})
}
