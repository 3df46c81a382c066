package boottest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/workspace"
)

// bootFiles are the files of a format to boot.
type bootFiles struct {
	kernel, initrd string // paths
	cmdline        string // content
	size           int64  // sum of all files of the format, in bytes
}

// locate finds the files of a format and verifies their digests.
func locate(set *artifacts.Set, format string) (bootFiles, error) {
	var found bootFiles
	for _, f := range set.Files {
		if f.Format == format {
			found.size += f.Size
		}
	}
	var cmdline string
	for _, part := range []struct {
		kind string
		path *string
	}{
		{kind: artifacts.KindKernel, path: &found.kernel},
		{kind: artifacts.KindInitrd, path: &found.initrd},
		{kind: artifacts.KindCmdline, path: &cmdline},
	} {
		f, ok := set.Find(format, part.kind)
		if !ok {
			return found, fmt.Errorf("%w: format %s has no %s; build again", ErrBuild, format, part.kind)
		}
		*part.path = set.Abs(f)
		if err := checkDigest(set, f); err != nil {
			return found, err
		}
	}
	var err error
	found.cmdline, err = readCmdline(cmdline)
	return found, err
}

func checkDigest(set *artifacts.Set, want artifacts.File) error {
	f, err := set.Open(want)
	if err != nil {
		return fmt.Errorf("%w: %w; build again", ErrBuild, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("%w: %w", ErrBuild, err)
	}
	if hex.EncodeToString(h.Sum(nil)) != want.SHA256 {
		return fmt.Errorf("%w: %s: changed since the build: sha256 is not %.80q; build again", ErrBuild, set.Abs(want), want.SHA256)
	}
	return nil
}

// maxCmdline is the size limit of the kernel command line, in bytes. Kernels read less
// (COMMAND_LINE_SIZE is 2048 on x86).
const maxCmdline = 64 << 10

func readCmdline(path string) (string, error) {
	text, err := workspace.ReadFile(path, maxCmdline)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrBuild, err)
	}
	return strings.TrimSpace(string(text)), nil
}
