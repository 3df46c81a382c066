// Package modules loads kernel modules: the part of mdev and modprobe in LinuxKit.
//
// Its input is the index that depmod(8) wrote when the kernel component was built: the
// file and dependencies of each module (modules.dep), the devices and requests it
// supports (modules.alias), its soft dependencies (modules.softdep), and the built-in
// modules (modules.builtin). A device describes itself in its modalias file in sysfs.
// Each module is loaded with one call of finit_module(2).
package modules

import (
	"errors"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// maxIndex bounds each index file, in bytes; modules.alias of a distribution's kernel has
// 1.5 MB.
const maxIndex = 16 << 20

// Root is the directory that contains one directory of modules for each kernel.
const Root = "/lib/modules"

// Release returns the directory of the running kernel's modules.
func Release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return Root // it has no index, which Open reports
	}
	return filepath.Join(Root, unix.ByteSliceToString(u.Release[:]))
}

// Index is the index of one kernel's modules.
type Index struct {
	dir     string
	deps    lookup // module → its line of modules.dep: FILE: DEPENDENCY...
	aliases lookup // alias → modules
	builtin lookup // module → one value, if it is built in
	soft    map[string]softDep
}

// lookup returns the values of a key in one index file.
type lookup func(key string) []string

// Open reads the index files in dir. If modules.dep is missing the Index is nil; if
// another file is missing, Open returns an Index and an error.
func Open(dir string) (*Index, error) {
	deps, err := open(dir, "modules.dep", tree.get, parseDeps)
	if err != nil {
		return nil, err
	}
	aliases, err := open(dir, "modules.alias", tree.matching, parseAliases)
	builtin, err2 := open(dir, "modules.builtin", tree.get, parseBuiltin)
	soft, err3 := file.Text(filepath.Join(dir, "modules.softdep"), maxIndex)
	x := &Index{dir: dir, deps: deps, aliases: aliases, builtin: builtin, soft: parseSoftDeps(soft)}
	return x, errors.Join(err, err2, err3)
}

// open opens one file of the index: the tree of kmod's depmod, which is searched in place,
// or else the text, the only form that busybox's depmod writes.
func open(dir, name string, search func(tree, string) []string, parse func(string) lookup) (lookup, error) {
	path := filepath.Join(dir, name)
	if data, err := file.Text(path+".bin", maxIndex); err == nil && tree(data).valid() {
		return func(name string) []string { return search(tree(data), name) }, nil
	}
	text, err := file.Text(path, maxIndex)
	return parse(text), err
}

// Name returns the name of the module in a file: without directory and extensions, and
// with "_" for "-", which are the same character to the kernel.
func Name(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	return strings.ReplaceAll(name, "-", "_")
}

// files returns the file of a module, followed by the files of its dependencies in the
// order of modules.dep: each file comes after those that depend on it.
func (x *Index) files(module string) []string {
	lines := x.deps(module)
	if len(lines) == 0 {
		return nil
	}
	path, needs, _ := strings.Cut(lines[0], ":")
	return append([]string{path}, strings.Fields(needs)...)
}

// resolve returns the modules with a name or an alias, in which "-" and "_" are the same
// as well. It returns none for a built-in module.
func (x *Index) resolve(name string) []string {
	name = strings.ReplaceAll(name, "-", "_")
	if len(x.deps(name)) > 0 {
		return []string{name}
	}
	if x.isBuiltin(name) {
		return nil
	}
	return x.aliases(name)
}

func (x *Index) isBuiltin(name string) bool {
	return len(x.builtin(strings.ReplaceAll(name, "-", "_"))) > 0
}
