// Package payload embeds the built-in PID 1 in the program: one static binary for each
// architecture, compressed by zstd. `make payload` compiles the binaries and writes them
// to bin/ beside this file; git ignores them on the main branch, and the commit of a
// release contains them, so that go install gives a complete program.
package payload

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/klauspost/compress/zstd"
)

//go:embed bin
var files embed.FS

// ErrMissing is wrapped by the error for an architecture without an embedded binary.
var ErrMissing = errors.New("no built-in PID 1")

// maxSize limits the memory for one decompressed binary, in bytes.
const maxSize = 16 << 20

// Init returns the binary of PID 1 for an architecture, named as in Go. The error wraps
// ErrMissing if the program was compiled without it.
func Init(arch string) ([]byte, error) {
	compressed, err := Compressed(arch)
	if err != nil {
		return nil, err
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxSize))
	if err != nil {
		return nil, err
	}
	defer decoder.Close()
	binary, err := decoder.DecodeAll(compressed, nil)
	if err != nil {
		return nil, fmt.Errorf("PID 1 for %s: %w", arch, err)
	}
	return binary, nil
}

// Compressed returns the binary of PID 1 for an architecture as it is embedded.
func Compressed(arch string) ([]byte, error) {
	compressed, err := files.ReadFile("bin/init-" + arch + ".zst")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w for %s; run make build in the repository, or install a released version with go install",
			ErrMissing, arch)
	}
	return compressed, err
}
