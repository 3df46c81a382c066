package halt

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestKexecNeedsALoadedKernel(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{"1\n": nil, "0\n": ErrNoKernel, "": ErrNoKernel} {
		loaded := filepath.Join(t.TempDir(), "kexec_loaded")
		if err := os.WriteFile(loaded, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := possible(Kexec, loaded); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
	missing := filepath.Join(t.TempDir(), "kexec_loaded") // a kernel without kexec
	if err := possible(Kexec, missing); !errors.Is(err, ErrNoKernel) {
		t.Errorf("no such file: %v", err)
	}
	for _, how := range []How{PowerOff, Reboot, Halt} {
		if err := possible(how, missing); err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
}
