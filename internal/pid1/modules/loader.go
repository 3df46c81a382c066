package modules

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrUnknown is the error of Load for a name that no module has as its name or alias.
var ErrUnknown = errors.New("no module of this kernel has this name or alias; add it to the kernel component, or run depmod")

// Loader loads modules, each once.
type Loader struct {
	index     *Index
	insert    func(path string) error
	requested map[string]bool // names and aliases that Load was called with
	tried     map[string]bool // modules that were handed to the kernel
	deferred  []string
	count     int
}

// NewLoader returns a loader of the modules in the index.
func NewLoader(x *Index) *Loader {
	return &Loader{index: x, insert: insert, requested: map[string]bool{}, tried: map[string]bool{}}
}

// OpenLoader returns a loader of the running kernel's modules. Index files other than
// modules.dep may be missing: the first Open of the boot has reported that.
func OpenLoader() (*Loader, error) {
	index, err := Open(Release())
	if index == nil {
		return nil, err
	}
	return NewLoader(index), nil
}

// Count returns how many modules the kernel has accepted.
func (l *Loader) Count() int { return l.count }

// Load loads all modules with this name or alias, and their dependencies. It returns nil
// for a built-in module and for a name that it was called with before.
func (l *Loader) Load(name string) error {
	if l.requested[name] {
		return nil
	}
	l.requested[name] = true
	found := l.index.resolve(name)
	if len(found) == 0 && !l.index.isBuiltin(name) {
		return &os.PathError{Op: "load module", Path: name, Err: ErrUnknown}
	}
	var errs []error
	for _, module := range found {
		if files := l.index.files(module); len(files) > 0 && deferrable(name, files[0]) {
			l.deferred = append(l.deferred, module)
			continue
		}
		errs = append(errs, l.module(module))
	}
	return errors.Join(errs...)
}

// deferrable reports whether a module can be loaded after the services have started: a
// cipher or digest optimized for this processor, or a CPU frequency driver. The kernel
// tests a cipher when it is loaded; all of them take longer than the drivers of all
// devices together. The generic implementations work until then.
func deferrable(alias, path string) bool {
	if !strings.HasPrefix(alias, "cpu:") && !strings.HasPrefix(alias, "acpi:") {
		return false
	}
	return strings.Contains(path, "/cpufreq/") || strings.Contains(path, "/crypto/") && !strings.HasPrefix(Name(path), "crc")
}

// Deferred returns the modules that Load has deferred since the last call.
func (l *Loader) Deferred() []string {
	deferred := l.deferred
	l.deferred = nil
	return deferred
}

// module loads one module in the order: soft dependencies before it, dependencies, the
// module, soft dependencies after it. Errors of soft dependencies are ignored.
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

// file loads one file, unless it was tried before. self is true for the module that the
// caller has just marked as tried.
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

// insert loads a file with finit_module(2). The kernel decompresses it if necessary
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
