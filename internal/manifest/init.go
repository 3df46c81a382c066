package manifest

import (
	"path"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Init is one image that is unpacked to /: a reference, or a mapping that also sets the
// arguments and environment of PID 1.
type Init struct {
	Image   Image
	Command []string   // /init and its arguments
	Env     []Variable // of PID 1
	Place   strict.Place
	Path    string
}

// DecodeYAML decodes an init entry.
func (i *Init) DecodeYAML(n strict.Node) {
	i.Place, i.Path = n.Place(), n.Path()
	if !n.IsMap() {
		n.Into(&i.Image)
		return
	}
	var m struct {
		strict.At
		Image   Image      `yaml:"image,required"`
		Command []string   `yaml:"command"`
		Env     []Variable `yaml:"env"`
	}
	n.Into(&m)
	i.Image, i.Command, i.Env = m.Image, m.Command, m.Env
	i.check(n)
}

// check rejects values that the kernel command line, which carries them, cannot represent.
func (i *Init) check(n strict.Node) {
	if len(i.Command) > 0 && path.Base(i.Command[0]) != "init" {
		n.Problem("command: PID 1 is /init; the first element must be /init, not %q", i.Command[0])
	}
	words := slices.Clone(i.Command)
	for _, variable := range i.Env {
		words = append(words, string(variable))
		if name, _, _ := strings.Cut(string(variable), "="); strings.ContainsAny(name, " .-") {
			n.Problem("env: the kernel treats %q as its own parameter; use a name without blank, dot and dash", name)
		}
	}
	for _, word := range words {
		if strings.ContainsAny(word, "\"\n\x00") {
			n.Problem("%q is not possible on the kernel command line; remove quotes and line breaks", word)
		}
	}
}

// EncodeYAML returns the entry as in the manifest.
func (i Init) EncodeYAML() any {
	if len(i.Command) == 0 && len(i.Env) == 0 {
		return string(i.Image)
	}
	return struct {
		Image   Image      `yaml:"image"`
		Command []string   `yaml:"command"`
		Env     []Variable `yaml:"env"`
	}{Image: i.Image, Command: i.Command, Env: i.Env}
}

// KernelCmdline returns the kernel command line with the environment of PID 1 and, after
// --, its arguments. The kernel passes both to PID 1 (kernel
// Documentation/admin-guide/kernel-parameters.rst).
func (m *Manifest) KernelCmdline() string {
	var words []string
	if m.Kernel.Cmdline != "" {
		words = append(words, m.Kernel.Cmdline)
	}
	var arguments []string
	for _, init := range m.Init {
		for _, variable := range init.Env {
			words = append(words, quoted(string(variable)))
		}
		if len(init.Command) > 1 {
			arguments = append(arguments, init.Command[1:]...)
		}
	}
	if len(arguments) > 0 && !strings.Contains(" "+m.Kernel.Cmdline+" ", " -- ") {
		words = append(words, "--")
	}
	for _, argument := range arguments {
		words = append(words, quoted(argument))
	}
	return strings.Join(words, " ")
}

// quoted quotes a word that contains a blank.
func quoted(word string) string {
	if strings.ContainsAny(word, " \t") {
		return `"` + word + `"`
	}
	return word
}
