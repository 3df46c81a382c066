package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/org/linuxkit-action/internal/build/payload"
)

// maxSize is the promised size of PID 1 for amd64 in bytes, compressed by zstd -19 as in an
// initramfs.
const maxSize = 1_000_000

// TestCompressedSize checks the payload that `make payload` has built.
func TestCompressedSize(t *testing.T) {
	t.Parallel()
	if built, _ := filepath.Glob("../../internal/build/payload/bin/init-amd64*"); len(built) == 0 {
		t.Skip("no payload; run make payload")
	}
	binary, err := payload.Program(payload.Init, "amd64")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "zstd", "-q", "-19", "-c")
	cmd.Stdin = bytes.NewReader(binary)
	compressed, err := cmd.Output()
	if err != nil {
		t.Fatalf("zstd: %v (make need-test installs it)", err)
	}
	t.Logf("%d bytes, compressed %d", len(binary), len(compressed))
	if len(compressed) > maxSize {
		t.Errorf("PID 1 has %d bytes compressed, want at most %d; remove imports or code", len(compressed), maxSize)
	}
}
