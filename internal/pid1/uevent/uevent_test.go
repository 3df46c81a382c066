package uevent

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/fixtures/netns"
)

// The tests run in a new network namespace, in which the kernel broadcasts the messages of
// the namespace's owner as its own (uevent_net_rcv in lib/kobject_uevent.c). Without root
// they run in a new user namespace as well. Every listener receives all events, so tests
// with a listener are not parallel.

func TestMain(m *testing.M) { netns.Main(m) }

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

// broadcast makes the kernel send messages to all listeners in the namespace.
func broadcast(t *testing.T, messages ...string) {
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

func TestBurstOfEventsIsOneBatchWithoutDuplicates(t *testing.T) {
	l := listen(t)
	broadcast(t, added("virtio:1"), added("virtio:2"),
		"remove@/devices/x\x00ACTION=remove\x00MODALIAS=virtio:9\x00", added("virtio:1"), added("usb:3"))
	b, err := l.Next(wait)
	if want := (Batch{Aliases: []string{"virtio:1", "virtio:2", "usb:3"}}); err != nil || !reflect.DeepEqual(b, want) {
		t.Errorf("%+v, %v, want %+v", b, err, want)
	}
	if b, err := l.Next(time.Millisecond); err != nil || !b.Empty() {
		t.Errorf("got %+v, %v, want an empty batch", b, err)
	}
}

func TestPendingReturnsEventsSinceListen(t *testing.T) {
	l := listen(t)
	if b, err := l.Pending(); err != nil || !b.Empty() {
		t.Errorf("before any event: %+v, %v", b, err)
	}
	broadcast(t, added("virtio:1"))
	if b, err := l.Pending(); err != nil || !reflect.DeepEqual(b.Aliases, []string{"virtio:1"}) {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestLargeBurstIsSplit(t *testing.T) {
	l := listen(t)
	const all = maxBatch + 10
	for i := range all {
		broadcast(t, added("virtio:"+strconv.Itoa(i)))
	}
	first, err := l.Next(wait)
	second, err2 := l.Next(wait)
	if err != nil || err2 != nil || first.Lost || second.Lost ||
		len(first.Aliases) != maxBatch || len(second.Aliases) != all-maxBatch {
		t.Errorf("%d and %d aliases, %v, %v", len(first.Aliases), len(second.Aliases), err, err2)
	}
}

func TestReportsLostEvents(t *testing.T) {
	l := listen(t)
	padding := strings.Repeat("x", 1500)
	for range 2 * bufferSize / len(padding) {
		broadcast(t, added(padding))
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
	t.Error("no batch reports lost events")
}

// A privileged process can send to the group, as udev does.
func TestIgnoresEventsOfOtherSenders(t *testing.T) {
	l := listen(t)
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	to := &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: group}
	err = unix.Sendto(fd, []byte(added("virtio:forged")), 0, to)
	if err != nil && !errors.Is(err, unix.ECONNREFUSED) { // of the kernel's own socket in the group
		t.Fatal(err)
	}
	broadcast(t, added("virtio:true"))
	if b, err := l.Next(wait); err != nil || !reflect.DeepEqual(b.Aliases, []string{"virtio:true"}) {
		t.Errorf("%+v, %v", b, err)
	}
}

// The kernel repeats the event of a real device. Only root can trigger it; without root an
// equal event is broadcast.
func TestRealDevice(t *testing.T) {
	l := listen(t)
	path, alias := device(t)
	if !netns.Privileged() {
		broadcast(t, added(alias))
	} else if err := os.WriteFile(path, []byte("add"), 0); err != nil {
		t.Fatal(err)
	}
	b, err := l.Next(wait)
	if err != nil || !reflect.DeepEqual(b.Aliases, []string{alias}) {
		t.Errorf("%s: %q, %v, want %q", path, b.Aliases, err, alias)
	}
}

// device returns the uevent file of a device with an alias, and the alias.
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
		"device":                {added("pci:v00008086d*"), "pci:v00008086d*"},
		"spaces and commas":     {added("of:Nx T<NULL>Cv,d"), "of:Nx T<NULL>Cv,d"},
		"no alias":              {"add@/devices/x\x00ACTION=add\x00", ""},
		"change":                {"change@/devices/x\x00ACTION=change\x00MODALIAS=a\x00", ""},
		"contradicting actions": {"add@/devices/x\x00ACTION=remove\x00MODALIAS=a\x00", ""},
		"no action":             {"add@/devices/x\x00MODALIAS=a\x00", ""},
		"no path":               {"add@\x00ACTION=add\x00MODALIAS=a\x00", ""},
		"relative path":         {"add@x\x00ACTION=add\x00MODALIAS=a\x00", ""},
		"event of udev":         {"libudev\x00\xfe\xed\xca\xfeadd@/devices/x\x00ACTION=add\x00MODALIAS=a\x00", ""},
		"truncated":             {strings.TrimSuffix(added("abc"), "c\x00"), ""},
		"title only":            {"add@/devices/x\x00", ""},
		"line break":            {added("a\nb"), ""},
		"not ASCII":             {added("\xff"), ""},
		"empty":                 {"", ""},
		"zeros":                 {"\x00\x00\x00", ""},
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
			t.Errorf("%q is not in the message, or not printable", alias)
		}
	})
}
