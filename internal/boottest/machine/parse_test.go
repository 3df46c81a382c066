package machine

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestArgs(t *testing.T) {
	t.Parallel()
	got := strings.Join(args(Options{
		Arch: "amd64", Accel: KVM, Kernel: "k", Initrd: "i", Cmdline: "console=ttyS0 a,b", Memory: 1024, CPUs: 2, Ports: []int{80, 22},
	}, "fw", []string{"/tmp/a,b/disk0.raw"}), " ")
	want := "-nodefaults -no-user-config -display none -no-reboot -S -machine q35,accel=kvm -cpu host -m 1024 -smp 2" +
		" -chardev socket,id=console,fd=3 -serial chardev:console" +
		" -chardev socket,id=monitor,fd=4,server=on,wait=off -mon chardev=monitor,mode=control" +
		" -device virtio-rng-pci" +
		" -netdev user,id=net0,hostfwd=tcp:127.0.0.1:0-:80,hostfwd=tcp:127.0.0.1:0-:22 -device virtio-net-pci,netdev=net0,romfile=" +
		" -kernel k -append console=ttyS0 a,b -initrd i -bios fw" +
		" -drive file=/tmp/a,,b/disk0.raw,if=none,id=disk0,format=raw,cache=unsafe -device virtio-blk-pci,drive=disk0"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTheProcessorIsOfTheArchitecture(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		arch  string
		accel Accel
		want  string
	}{
		"the host's own":             {arch: "arm64", accel: KVM, want: "host"},
		"nothing of x86 in an arm64": {arch: "arm64", accel: TCG, want: "max,pauth-impdef=on"},
		"no copying byte by byte":    {arch: "amd64", accel: TCG, want: "max,-svm,-erms,xlevel=0x80000008"},
	} {
		text := strings.Join(args(Options{Arch: tt.arch, Accel: tt.accel}, "", nil), " ")
		if !strings.Contains(text, " -cpu "+tt.want+" -m ") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestFirmwareIsTheFirstThatIsThere(t *testing.T) {
	t.Parallel()
	none, some, more := filepath.Join(t.TempDir(), "none"), filepath.Join(t.TempDir(), "some"), filepath.Join(t.TempDir(), "more")
	for _, file := range []string{some, more} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for want, files := range map[string][]string{"": {none}, some: {none, some, more}, more: {more, some}} {
		if got := present(files); got != want {
			t.Errorf("of %q: %q, want %q", files, got, want)
		}
	}
	if text := strings.Join(args(Options{Arch: "amd64"}, present(boards["amd64"].firmware), nil), " "); strings.Contains(text, "-bios") {
		t.Errorf("amd64 has QEMU's own: %s", text)
	}
}

func TestParseUsernet(t *testing.T) {
	t.Parallel()
	got := parseUsernet("Hub -1 (net0):\r\n" +
		"  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n" +
		"  TCP[ESTABLISHED]   13       127.0.0.1 44615       10.0.2.15    80     0     0\r\n" +
		"  TCP[HOST_FORWARD]   3       127.0.0.1 44615       10.0.2.15    80     0     0\r\n" +
		"  UDP[236 sec]       12       10.0.2.15   123     10.0.0.1   123     0     0\r\n")
	if want := []connection{{state: "ESTABLISHED", hostPort: 44615, guestPort: 80}, {state: "HOST_FORWARD", hostPort: 44615, guestPort: 80}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	t.Parallel()
	var tl tail
	for range 1000 {
		_, _ = tl.Write([]byte(strings.Repeat("x", 100) + "\n"))
	}
	_, _ = tl.Write([]byte(strings.Repeat("y", 2*tailBytes) + "\nalmost\nthe end\xff\n\n"))
	if got := tl.lastLines(); got != "almost; the end\uFFFD" || len(tl.buf) > tailBytes {
		t.Errorf("%d bytes, last lines %q", len(tl.buf), got)
	}
}

func FuzzParseUsernet(f *testing.F) {
	f.Add("  TCP[ESTABLISHED]   13       127.0.0.1 44615       10.0.2.15    80     0     0\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range parseUsernet(text) {
			if c.state == "" {
				t.Errorf("a connection without a state in %q", text)
			}
		}
	})
}
