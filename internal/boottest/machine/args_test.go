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
		Arch: "amd64", Accel: KVM, Memory: 1024, CPUs: 2, Ports: []int{80, 22},
		Kernel: "k", Initrd: "i", Cmdline: "console=ttyS0 a,b",
	}, "fw", []string{"/tmp/a,b/disk0.raw"}, true), " ")
	want := "-nodefaults -no-user-config -display none -no-reboot -S -machine q35,accel=kvm -cpu host -m 1024 -smp 2" +
		" -chardev socket,id=console,fd=3 -serial chardev:console" +
		" -chardev socket,id=monitor,fd=4,server=on,wait=off -mon chardev=monitor,mode=control" +
		" -device virtio-rng-pci" +
		" -netdev user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:0-:80,hostfwd=tcp:127.0.0.1:0-:22" +
		" -device virtio-net-pci,netdev=net0,romfile=" +
		" -kernel k -append console=ttyS0 a,b -initrd i -bios fw" +
		" -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny" +
		" -drive file=/tmp/a,,b/disk0.raw,if=none,id=disk0,format=raw,cache=unsafe -device virtio-blk-pci,drive=disk0"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCPUModelOfArchitecture(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		arch  string
		accel Accel
		want  string
	}{
		"host model under KVM": {arch: "arm64", accel: KVM, want: "host"},
		"arm64":                {arch: "arm64", accel: TCG, want: "max,pauth-impdef=on"},
		"amd64 without erms":   {arch: "amd64", accel: TCG, want: "max,-svm,-erms,xlevel=0x80000008"},
	} {
		text := strings.Join(args(Options{Arch: tt.arch, Accel: tt.accel}, "", nil, false), " ")
		if !strings.Contains(text, " -cpu "+tt.want+" -m ") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestFirmwareIsFirstExistingPath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	missing, first, second := filepath.Join(dir, "missing"), filepath.Join(dir, "first"), filepath.Join(dir, "second")
	for _, file := range []string{first, second} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for want, files := range map[string][]string{"": {missing}, first: {missing, first, second}, second: {second, first}} {
		if got := firstExisting(files); got != want {
			t.Errorf("%q: got %q, want %q", files, got, want)
		}
	}
	firmware := firstExisting(boards["amd64"].firmware)
	if text := strings.Join(args(Options{Arch: "amd64"}, firmware, nil, false), " "); strings.Contains(text, "-bios") {
		t.Errorf("amd64 must boot with QEMU's own firmware: %s", text)
	}
}

func TestParseUsernet(t *testing.T) {
	t.Parallel()
	got := parseUsernet("Hub -1 (net0):\r\n" +
		"  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n" +
		"  TCP[ESTABLISHED]   13       127.0.0.1 44615       10.0.2.15    80     0     0\r\n" +
		"  TCP[HOST_FORWARD]   3       127.0.0.1 44615       10.0.2.15    80     0     0\r\n" +
		"  UDP[236 sec]       12       10.0.2.15   123     10.0.0.1   123     0     0\r\n")
	want := []connection{
		{state: "ESTABLISHED", hostPort: 44615, guestPort: 80},
		{state: "HOST_FORWARD", hostPort: 44615, guestPort: 80},
	}
	if !reflect.DeepEqual(got, want) {
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
				t.Errorf("connection without state in %q", text)
			}
		}
	})
}

func TestNetworkIsOpenOnRequestOnly(t *testing.T) {
	t.Parallel()
	for open, want := range map[bool]string{false: ",restrict=on,hostfwd=tcp:127.0.0.1:0-:80", true: ",hostfwd=tcp:127.0.0.1:0-:80"} {
		if got := network(Options{Ports: []int{80}, OpenNetwork: open}); got != want {
			t.Errorf("open %v: got %q, want %q", open, got, want)
		}
	}
}

func TestEnvironmentHasNoSecrets(t *testing.T) {
	t.Setenv("GITHUB_TOKEN", "secret")
	t.Setenv("COSIGN_PRIVATE_KEY", "secret")
	if got := strings.Join(environment(), " "); strings.Contains(got, "secret") {
		t.Errorf("environment of QEMU: %s", got)
	}
}
