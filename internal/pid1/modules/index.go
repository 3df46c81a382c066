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
	deps    map[string]string  // module → its line behind the colon, and the file in front
	aliases map[string][]alias // by bus
	soft    map[string]soft
	builtin map[string]bool
}

type soft struct{ before, after []string }

// Open reads the index files in dir. Only modules.dep has to be there.
func Open(dir string) (*Index, error) {
	deps, err := file.Text(filepath.Join(dir, "modules.dep"), maxIndex)
	if err != nil {
		return nil, err
	}
	x := newIndex(dir, deps)
	var missing []error
	for name, parse := range map[string]func(string){
		"modules.alias": x.parseAliases, "modules.softdep": x.parseSoft, "modules.builtin": x.parseBuiltin,
	} {
		text, err := file.Text(filepath.Join(dir, name), maxIndex)
		if err != nil {
			missing = append(missing, err)
			continue
		}
		parse(text)
	}
	return x, errors.Join(missing...)
}

func newIndex(dir, deps string) *Index {
	return &Index{dir: dir, deps: parseDeps(deps), aliases: map[string][]alias{}, soft: map[string]soft{}, builtin: map[string]bool{}}
}

// Name returns the name of the module in a file: without directory and endings,
// and with "_" for "-", which the kernel does not tell apart.
func Name(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	return strings.ReplaceAll(name, "-", "_")
}

// parseDeps reads "path/a.ko: path/b.ko path/c.ko" (modules.dep(5)).
func parseDeps(text string) map[string]string {
	deps := make(map[string]string, strings.Count(text, "\n"))
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if path, _, found := strings.Cut(line, ":"); found && path != "" {
			deps[Name(path)] = line
		}
	}
	return deps
}

// parseAliases reads "alias PATTERN MODULE".
func (x *Index) parseAliases(text string) {
	for line := range strings.Lines(text) {
		rest, found := strings.CutPrefix(strings.TrimSpace(line), "alias ")
		if at := strings.LastIndexByte(rest, ' '); found && at > 0 {
			a := newAlias(rest[:at], Name(rest[at+1:]))
			b := a.bus()
			x.aliases[b] = append(x.aliases[b], a)
		}
	}
}

// parseSoft reads "softdep MODULE pre: A B post: C".
func (x *Index) parseSoft(text string) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] != "softdep" {
			continue
		}
		s, where := soft{}, ""
		for _, f := range fields[2:] {
			switch {
			case strings.HasSuffix(f, ":"):
				where = f
			case where == "pre:":
				s.before = append(s.before, f)
			case where == "post:":
				s.after = append(s.after, f)
			}
		}
		x.soft[Name(fields[1])] = s
	}
}

// parseBuiltin reads a list of files.
func (x *Index) parseBuiltin(text string) {
	for line := range strings.Lines(text) {
		x.builtin[Name(strings.TrimSpace(line))] = true
	}
}

// files returns the file of a module and, behind it, those it needs, as
// modules.dep has them: each after those that need it.
func (x *Index) files(module string) []string {
	line, found := x.deps[module]
	if !found {
		return nil
	}
	path, needs, _ := strings.Cut(line, ":")
	return append([]string{path}, strings.Fields(needs)...)
}

// resolve returns the modules which answer to a name or an alias. Built-in ones
// are not among them.
func (x *Index) resolve(name string) []string {
	module := Name(name)
	if _, found := x.deps[module]; found {
		return []string{module}
	}
	if x.builtin[module] {
		return nil
	}
	found := answering(x.aliases[""], name)
	if b := bus(name); b != "" {
		found = append(found, answering(x.aliases[b], name)...)
	}
	return found
}

func answering(aliases []alias, name string) (found []string) {
	for _, a := range aliases {
		if a.matches(name) {
			found = append(found, a.module)
		}
	}
	return found
}
