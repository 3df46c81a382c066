package container

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSealedCopyCannotBeModified(t *testing.T) {
	t.Parallel()
	onTmpfs := filepath.Join("/dev/shm", filepath.Base(t.TempDir())+"-seal") // like the root of an initrd
	script, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(onTmpfs, script, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(onTmpfs) })
	path, kept := sealedCopy(onTmpfs)
	if kept == nil {
		t.Fatal("no copy")
	}
	defer kept.Close()
	if got, err := unix.FcntlInt(kept.Fd(), unix.F_GET_SEALS, 0); err != nil || got&seals != seals {
		t.Errorf("seals %#x, %v", got, err)
	}
	if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
		if _, err := f.Write([]byte("x")); err == nil {
			t.Error("the copy is writable")
		}
		f.Close()
	}
	if out, err := exec.Command(path).CombinedOutput(); err != nil {
		t.Errorf("the copy does not run: %v %s", err, out)
	}
}

func TestSealedCopyOnlyOnTmpfs(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"missing": "/none", "not on tmpfs": "/proc/version"} {
		if got, kept := sealedCopy(path); got != path || kept != nil {
			t.Errorf("%s: %s, %v", name, got, kept)
		}
	}
}
