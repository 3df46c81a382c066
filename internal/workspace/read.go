package workspace

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/org/linuxkit-action/internal/markup"
)

// readFlags keep an open from blocking on a FIFO and from adopting a terminal.
const readFlags = os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY

// Open opens a regular file of the repository for reading. A symbolic link is followed
// only inside the repository. Errors wrap fs.ErrNotExist, ErrOutside, ErrNotRegular or
// ErrProtected.
func Open(name string) (*os.File, error) {
	dir, rel, err := Root(name)
	if err != nil {
		return nil, err
	}
	return OpenIn(dir, rel)
}

// OpenIn opens a regular file below dir; rel may not leave dir, also not by a link.
func OpenIn(dir, rel string) (*os.File, error) {
	name := filepath.Join(dir, rel)
	if !filepath.IsLocal(rel) {
		return nil, pathError(name, ErrOutside, "move the file into "+markup.Printable(dir))
	}
	if err := checkGit(name, rel); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, plain(name, err)
	}
	defer root.Close()
	f, err := root.OpenFile(rel, readFlags, 0)
	if err != nil {
		return nil, classify(name, dir, err)
	}
	return regular(f, name)
}

// OpenOutside opens a regular file that the user allowed by its path, inside the repository or not.
// Files below .git stay rejected.
func OpenOutside(name string) (*os.File, error) {
	full, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	if err := checkGit(name, full); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(full, readFlags, 0)
	if err != nil {
		return nil, plain(name, err)
	}
	return regular(f, name)
}

// OpenExact opens a regular file that is itself no symbolic link. Errors are those of Open,
// or wrap ErrLink.
func OpenExact(name string) (*os.File, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return nil, plain(name, err)
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return nil, pathError(name, ErrLink, "replace it by the file it leads to")
	}
	f, err := Open(name)
	if err != nil {
		return nil, err
	}
	if opened, err := f.Stat(); err != nil || !os.SameFile(info, opened) {
		f.Close()
		return nil, pathError(name, ErrLink, "it was replaced while it was opened")
	}
	return f, nil
}

// checkGit rejects a path below a .git folder, also one that a link leads to.
func checkGit(name, rel string) error {
	target, err := filepath.EvalSymlinks(name)
	if insideGit(rel) || (err == nil && insideGit(target) && !insideGit(filepath.Dir(name))) {
		return pathError(name, ErrProtected, "files below .git are never read")
	}
	return nil
}

// regular rejects what is no regular file.
func regular(f *os.File, name string) (*os.File, error) {
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = pathError(name, ErrNotRegular, "it is "+kindOf(info.Mode())+"; use a file")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	default:
		return "a device"
	}
}

// classify names the reason for which os.Root rejects a path.
func classify(name, dir string, err error) error {
	switch {
	case errors.Is(err, syscall.ENXIO), errors.Is(err, syscall.EOPNOTSUPP): // a socket
		return pathError(name, ErrNotRegular, "use a file")
	case strings.Contains(err.Error(), "escapes"): // os.Root has no error value for it
		return pathError(name, ErrOutside, "it is a symbolic link that leads out of "+markup.Printable(dir)+"; copy the file there")
	}
	return plain(name, err)
}

// plain shortens the path error of package os to the name the user wrote and the cause.
func plain(name string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return fmt.Errorf("%s: %w", markup.Printable(name), at.Err)
	}
	return fmt.Errorf("%s: %w", markup.Printable(name), err)
}

// ReadFile returns the content of a file of the repository, of at most limit bytes.
// Errors are those of Open, or wrap ErrTooLarge.
func ReadFile(name string, limit int64) ([]byte, error) {
	f, err := Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, name, limit)
}

// Files is the work tree as a source of files.
type Files struct{}

// ReadFile is the function ReadFile.
func (Files) ReadFile(name string, limit int64) ([]byte, error) { return ReadFile(name, limit) }

// readAll reads an opened file of at most limit bytes.
func readAll(f *os.File, name string, limit int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, plain(name, err)
	}
	if int64(len(content)) > limit {
		return nil, pathError(name, ErrTooLarge, fmt.Sprintf("the limit is %d bytes", limit))
	}
	return content, nil
}

// Exists reports whether the repository has a file, folder or link of that name.
func Exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
