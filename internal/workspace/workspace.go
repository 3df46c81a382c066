// Package workspace opens and creates the files of a repository whose content strangers
// may have written. It is the only package that does so; a test of the repository
// rejects direct calls elsewhere.
//
// A file is read if it is regular, inside the repository after every symbolic link is
// followed, and not below a .git folder. Reads are bounded and never block: a FIFO
// or a device is rejected before the first byte.
//
// A file is created in a folder that is reached without a symbolic link. It is written
// under a temporary name, synced and renamed, so that its name never refers to a partial
// file and nothing outside the folder changes.
//
// The repository is the nearest folder above a path that contains .git. Where there is
// none, it is the working directory for a path inside it, else the folder of the path.
package workspace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/markup"
)

// Errors of this package. Each is wrapped with the path and the remedy.
var (
	ErrOutside    = errors.New("outside the repository")
	ErrLink       = errors.New("symbolic link")
	ErrNotRegular = errors.New("not a regular file")
	ErrTooLarge   = errors.New("file is too large")
	ErrProtected  = errors.New("file may hold credentials")
)

// gitFolder holds git's own data, with the checkout's token among it.
const gitFolder = ".git"

// Root returns the repository that name belongs to, and the path of name in it.
// Neither has to exist.
func Root(name string) (root, rel string, err error) {
	full, err := filepath.Abs(name)
	if err != nil {
		return "", "", err
	}
	root, err = enclosing(full)
	if err != nil {
		return "", "", err
	}
	rel, err = filepath.Rel(root, full)
	return root, rel, err
}

// enclosing returns the folder above full that bounds what its links may reach.
func enclosing(full string) (string, error) {
	for dir := filepath.Dir(full); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, gitFolder)); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	if wd, err := os.Getwd(); err != nil {
		return "", err
	} else if rel, err := filepath.Rel(wd, full); err == nil && rel != "." && filepath.IsLocal(rel) {
		return wd, nil
	}
	return filepath.Dir(full), nil
}

// insideGit reports whether an element of the path is a .git folder. The comparison
// ignores case, as some file systems do.
func insideGit(name string) bool {
	return slices.ContainsFunc(strings.Split(filepath.ToSlash(name), "/"), func(element string) bool {
		return strings.EqualFold(element, gitFolder)
	})
}

// pathError describes why name is rejected. It quotes name, which a stranger may have chosen.
func pathError(name string, kind error, remedy string) error {
	return fmt.Errorf("%s: %w; %s", markup.Printable(name), kind, remedy)
}
