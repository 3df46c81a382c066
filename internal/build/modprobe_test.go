package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/build/artifacts"
)

// The kernel runs modprobe before PID 1, with no open files and an empty devtmpfs.
func TestModprobeRunsBeforePID1(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("chroot requires root")
	}
	set, err := newFixture(t).assemble("init: [HOST/runc:1]", nil)
	if err != nil {
		t.Fatal(err)
	}
	initrd, _ := set.Find("kernel+initrd", artifacts.KindInitrd)
	dir := t.TempDir()
	unpack := exec.Command("cpio", "-idm", "--quiet", "-F", set.Abs(initrd))
	unpack.Dir = dir
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var kernel unix.Utsname
	if err := unix.Uname(&kernel); err != nil {
		t.Fatal(err)
	}
	modules := filepath.Join(dir, "lib/modules", unix.ByteSliceToString(kernel.Release[:]))
	if err := os.MkdirAll(modules, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(modules, "modules.dep"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]int{"-q -- crypto-nonsense": 0, "-- crypto-nonsense": 1} {
		argv := append([]string{"/sbin/modprobe"}, strings.Fields(args)...)
		pid, err := syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{Chroot: dir}})
		if err != nil {
			t.Fatal(err)
		}
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil || status.ExitStatus() != want {
			t.Errorf("%s: exit %d, %v, want %d", args, status.ExitStatus(), err, want)
		}
	}
}
