package build

import (
	"os"

	"github.com/org/linuxkit-action/internal/atomicfile"
)

// scratch returns a nameless file in the output folder, where there is room for an
// image: it is gone when it is closed, or we are killed.
func scratch(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return atomicfile.Anonymous(dir)
}
