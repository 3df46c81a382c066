// Package modules loads kernel modules: what mdev and modprobe do for LinuxKit.
//
// depmod(8) has written down, when the kernel component was made, which file
// each module is in and needs (modules.dep), which device or request it answers
// (modules.alias), and what should go with it (modules.softdep). A device tells
// what it is in its modalias file. Loading is finit_module(2), a call a file.
package modules

import (
	"errors"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// maxIndex bounds each index file, in bytes; modules.alias of a distribution's
// full kernel has 1.5 MB.
const maxIndex = 16 << 20

// Root is where modules are.
const Root = "/lib/modules"

// Release returns the directory of the running kernel's modules.
func Release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return Root // no index is found there, which is reported
	}
	return filepath.Join(Root, unix.ByteSliceToString(u.Release[:]))
}

// Index is what depmod wrote about one kernel's modules.
type Index struct {
	dir     string
	deps    lookup // module → its line: the file, a colon, the files it needs
	aliases lookup // what is asked for → modules that answer
	builtin lookup // module → something, if it is built in
	soft    map[string]soft
}

// lookup finds what a file of the index says of a name.
type lookup func(name string) []string

// Open reads the index files in dir. Only modules.dep has to be there.
func Open(dir string) (*Index, error) {
	deps, err := open(dir, "modules.dep", tree.get, parseDeps)
	if err != nil {
		return nil, err
	}
	aliases, err := open(dir, "modules.alias", tree.answering, parseAliases)
	builtin, err2 := open(dir, "modules.builtin", tree.get, parseBuiltin)
	soft, err3 := file.Text(filepath.Join(dir, "modules.softdep"), maxIndex)
	return &Index{dir, deps, aliases, builtin, parseSoft(soft)}, errors.Join(err, err2, err3)
}

// open opens one file of the index: the tree that kmod's depmod wrote to be searched as it
// is, or else the text, which is all that busybox's depmod writes.
func open(dir, name string, search func(tree, string) []string, parse func(string) lookup) (lookup, error) {
	path := filepath.Join(dir, name)
	if data, err := file.Text(path+".bin", maxIndex); err == nil && tree(data).valid() {
		return func(name string) []string { return search(tree(data), name) }, nil
	}
	text, err := file.Text(path, maxIndex)
	return parse(text), err
}

// Name returns the name of the module in a file: without directory and endings,
// and with "_" for "-", which the kernel does not tell apart.
func Name(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	return strings.ReplaceAll(name, "-", "_")
}

// files returns the file of a module and, behind it, those it needs, as
// modules.dep has them: each after those that need it.
func (x *Index) files(module string) []string {
	lines := x.deps(module)
	if len(lines) == 0 {
		return nil
	}
	path, needs, _ := strings.Cut(lines[0], ":")
	return append([]string{path}, strings.Fields(needs)...)
}

// resolve returns the modules which answer to a name or an alias, in which "-" and "_" are
// the same as well. Built-in ones are not among them.
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
