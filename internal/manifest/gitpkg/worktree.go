package gitpkg

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/org/linuxkit-action/internal/workspace"
)

// Modes of entries in git's index (gitformat-index(5)).
const (
	modeRegular    = "100644"
	modeExecutable = "100755"
	modeLink       = "120000"
)

// isUnchanged reports whether a file of the work tree has the mode and content of an index
// entry, a line of `git ls-files --stage`: MODE HASH STAGE<tab>NAME.
func isUnchanged(dir, entry string) (bool, error) {
	if entry == "" {
		return true, nil
	}
	description, name, ok := strings.Cut(entry, "\t")
	fields := strings.Fields(description)
	if !ok || len(fields) != 3 {
		return false, fmt.Errorf("git ls-files printed %.60q", entry)
	}
	mode, want := fields[0], fields[1]
	full := filepath.Join(dir, name)
	info, err := os.Lstat(full)
	if err != nil || modeOf(info) != mode {
		return mode != modeRegular && mode != modeExecutable && mode != modeLink, nil // a submodule is not looked into
	}
	sum := newHash(want)
	if mode == modeLink {
		target, err := os.Readlink(full)
		return hashBlob(sum, int64(len(target)), strings.NewReader(target)) == want, err
	}
	f, err := workspace.Open(full)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return hashBlob(sum, info.Size(), f) == want, nil
}

func modeOf(info fs.FileInfo) string {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return modeLink
	case info.Mode().IsRegular() && info.Mode()&0o100 != 0:
		return modeExecutable
	case info.Mode().IsRegular():
		return modeRegular
	}
	return ""
}

// newHash returns the hash function of a repository, by the length of an object name.
func newHash(object string) hash.Hash {
	if len(object) == 2*sha256.Size {
		return sha256.New()
	}
	return sha1.New()
}

// hashBlob returns the name of a blob object, or "" for a file whose size changes.
func hashBlob(sum hash.Hash, size int64, content io.Reader) string {
	fmt.Fprintf(sum, "blob %d\x00", size)
	if n, err := io.Copy(sum, io.LimitReader(content, size+1)); err != nil || n != size {
		return ""
	}
	return hex.EncodeToString(sum.Sum(nil))
}
