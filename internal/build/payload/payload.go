// Package payload embeds the programs of the built-in PID 1: PID 1 itself (cmd/init) and
// the operator's command (cmd/linuxkit-init), each a static binary for each architecture,
// compressed by zstd. `make payload` compiles the binaries and writes them
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

// Programs.
const (
	Init     = "init"          // PID 1, /init of the image
	Operator = "linuxkit-init" // the operator's command
)

// Program returns the binary of a program for an architecture, named as in Go. The error
// wraps ErrMissing if this program was compiled without it.
func Program(name, arch string) ([]byte, error) {
	content, err := compressed(name, arch)
	if err != nil {
		return nil, err
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxSize))
	if err != nil {
		return nil, err
	}
	defer decoder.Close()
	binary, err := decoder.DecodeAll(content, nil)
	if err != nil {
		return nil, fmt.Errorf("%s for %s: %w", name, arch, err)
	}
	return binary, nil
}

// compressed returns the binary of a program for an architecture as it is embedded.
func compressed(name, arch string) ([]byte, error) {
	content, err := files.ReadFile("bin/" + name + "-" + arch + ".zst")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w for %s; run make build in the repository, or install a released version with go install",
			ErrMissing, arch)
	}
	return content, err
}
