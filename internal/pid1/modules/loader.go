package modules

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// ErrUnknown is what Load says of a name that no module answers to.
var ErrUnknown = errors.New("no module of this kernel answers to it; add its modules to the kernel component, or run depmod")

// Loader loads modules, each once.
type Loader struct {
	index  *Index
	insert func(path string) error
	asked  map[string]bool
	tried  map[string]bool
	later  []string // modules that may wait
	count  int
}

// NewLoader returns a loader of the modules in the index.
func NewLoader(x *Index) *Loader {
	return &Loader{index: x, insert: insert, asked: map[string]bool{}, tried: map[string]bool{}}
}

// OpenLoader returns a loader of the running kernel's modules. A part of the
// index that is missing was reported when it was first read.
func OpenLoader() (*Loader, error) {
	index, err := Open(Release())
	if index == nil {
		return nil, err
	}
	return NewLoader(index), nil
}

// Count returns how many modules the kernel took.
func (l *Loader) Count() int { return l.count }

// Load loads all modules that answer to a name or an alias, with what they
// need. A name that is built in, or was asked for before, is done already.
func (l *Loader) Load(name string) error {
	if l.asked[name] {
		return nil
	}
	l.asked[name] = true
	found := l.index.resolve(name)
	if len(found) == 0 && !l.index.isBuiltin(name) {
		return &os.PathError{Op: "load module", Path: name, Err: ErrUnknown}
	}
	var errs []error
	for _, module := range found {
		if !l.postpone(name, module) {
			errs = append(errs, l.module(module))
		}
	}
	return errors.Join(errs...)
}

// module loads one module: what should go before, what it needs, itself, what
// should go after. Soft dependencies that fail are no fault of the module.
func (l *Loader) module(name string) error {
	files := l.index.files(name)
	if len(files) == 0 || l.tried[name] {
		return nil
	}
	l.tried[name] = true
	soft := l.index.soft[name]
	for _, s := range soft.before {
		_ = l.Load(s)
	}
	slices.Reverse(files)
	for _, path := range files {
		if err := l.file(path, Name(path) == name); err != nil {
			return err
		}
	}
	for _, s := range soft.after {
		_ = l.Load(s)
	}
	return nil
}

// file loads one file, unless it was tried before. self says that it is the
// module which module has just marked as tried.
func (l *Loader) file(path string, self bool) error {
	name := Name(path)
	if l.tried[name] && !self {
		return nil
	}
	l.tried[name] = true
	err := l.insert(filepath.Join(l.index.dir, path))
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	if err == nil {
		l.count++
	}
	return err
}

// insert hands a file to the kernel, which unpacks it where it is compressed
// (Linux 5.17, CONFIG_MODULE_DECOMPRESS).
func insert(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open module", Path: path, Err: err}
	}
	defer unix.Close(fd)
	flags := 0
	if filepath.Ext(path) != ".ko" {
		flags = unix.MODULE_INIT_COMPRESSED_FILE
	}
	if err := unix.FinitModule(fd, "", flags); err != nil {
		return &os.PathError{Op: "load module", Path: path, Err: err}
	}
	return nil
}
