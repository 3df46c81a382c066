package payload

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// Limits for PID 1 alone, in bytes. The image contains it compressed.
const (
	maxInstalled = 4_000_000
	maxShipped   = 1_000_000 // by zstd -19
)

// architectures are those that images are built for.
var architectures = []string{"amd64", "arm64"}

func TestSizeOfPID1(t *testing.T) {
	t.Parallel()
	zstd, err := exec.LookPath("zstd")
	if err != nil {
		t.Skip("zstd is not installed; make test installs it")
	}
	for _, arch := range architectures {
		binary, err := Program(Init, arch)
		if errors.Is(err, ErrMissing) {
			t.Skip(err)
		} else if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(zstd, "-q", "-19", "-c")
		cmd.Stdin = bytes.NewReader(binary)
		shipped, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes, %d compressed", arch, len(binary), len(shipped))
		if len(binary) > maxInstalled || len(shipped) > maxShipped {
			t.Errorf("PID 1 for %s has %d bytes (limit %d), %d compressed (limit %d)",
				arch, len(binary), maxInstalled, len(shipped), maxShipped)
		}
	}
}

func TestMissingPID1NamesTheRemedy(t *testing.T) {
	t.Parallel()
	_, err := Program(Init, "riscv64")
	if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "riscv64; run make build") {
		t.Error(err)
	}
}
