// Package payload carries our PID 1 inside the program, one static binary for each
// architecture. `make build` puts them into bin/ beside this file before it
// compiles the program; a program compiled without them says so when it needs one.
package payload

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed bin
var files embed.FS

// ErrMissing is wrapped by the error for an architecture that was not compiled in.
var ErrMissing = errors.New("no PID 1 in this program")

// Init returns the binary of PID 1 for an architecture, as Go names it.
func Init(arch string) ([]byte, error) {
	binary, err := files.ReadFile("bin/init-" + arch)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w for %s; compile it with make build", ErrMissing, arch)
	}
	return binary, err
}
