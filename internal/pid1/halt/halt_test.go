package halt

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseMounts(t *testing.T) {
	t.Parallel()
	const text = `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 27 0:30 / /mnt/with\040blank rw shared:2 master:3 - overlay overlay rw
garbage
41 27 0:31 / /odd\134name\9 rw -  xfs /dev/vdb rw
`
	want := []mountPoint{{"/proc", "proc"}, {"/", "ext4"}, {"/mnt/with blank", "overlay"}, {`/odd\name\9`, "xfs"}}
	if got := parseMounts(text); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDeepestMountFirst(t *testing.T) {
	t.Parallel()
	got := deepestFirst([]mountPoint{
		{"/", "ext4"}, {"/proc", "proc"}, {"/var/data/inner", "xfs"}, {"/var", "tmpfs"}, {"/var/data", "ext4"}, {"/var/data", "overlay"},
	})
	want := []mountPoint{{"/var/data/inner", "xfs"}, {"/var/data", "overlay"}, {"/var/data", "ext4"}, {"/", "ext4"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParseSwaps(t *testing.T) {
	t.Parallel()
	const text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n" +
		"/dev/vdb                                partition\t1048572\t0\t-2\n/var/data/my\\040swap file\t1024\t0\t-3\ngarbage\n"
	if got, want := parseSwaps(text), []string{"/dev/vdb", "/var/data/my swap"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzParseMounts(f *testing.F) {
	f.Add(`40 27 0:30 / /a\040b rw - overlay overlay rw`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range parseMounts(text) {
			if len(m.path) > len(text) || m.kind == "" || strings.ContainsAny(m.kind, " \n") {
				t.Errorf("%q: %+v", text, m)
			}
		}
	})
}

func TestAttemptTimesOut(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	defer close(hang)
	start := time.Now()
	err := attempt(mountWait, "unmount", "/nfs", func() error { <-hang; return nil })
	if !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "/nfs") {
		t.Errorf("error %v", err)
	}
	if waited := time.Since(start); waited > 10*mountWait {
		t.Errorf("waited %v", waited)
	}
}

func TestAttemptOfCallThatFailsOrPanics(t *testing.T) {
	t.Parallel()
	if err := attempt(mountWait, "unmount", "/x", func() error { return os.ErrPermission }); !errors.Is(err, os.ErrPermission) {
		t.Errorf("error %v", err)
	}
	if err := attempt(mountWait, "unmount", "/x", func() error { panic("boom") }); err != nil {
		t.Errorf("error %v", err)
	}
}

func TestWaitUntil(t *testing.T) {
	t.Parallel()
	if waitUntil(30*time.Millisecond, func() bool { return false }) {
		t.Error("true, want a timeout")
	}
	if !waitUntil(time.Minute, func() bool { return true }) {
		t.Error("false, want true")
	}
}

func TestKexecRequiresALoadedKernel(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{"1\n": nil, "0\n": ErrNoKernel, "": ErrNoKernel} {
		loaded := filepath.Join(t.TempDir(), "kexec_loaded")
		if err := os.WriteFile(loaded, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := check(Kexec, loaded); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
	missing := filepath.Join(t.TempDir(), "kexec_loaded") // a kernel without kexec
	if err := check(Kexec, missing); !errors.Is(err, ErrNoKernel) {
		t.Errorf("no such file: %v", err)
	}
	for _, how := range []How{PowerOff, Reboot, Halt} {
		if err := check(how, missing); err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
}
