package manifest

import (
	"path"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Init is one image that is unpacked onto /. It is written as the reference alone, or
// as a mapping that also says how PID 1 is called.
type Init struct {
	Image   Image
	Command []string   // of PID 1: /init and its arguments
	Env     []Variable // of PID 1
	Place   strict.Place
	Path    string
}

// DecodeYAML reads an init entry.
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

// check refuses what the kernel's command line, which carries it, cannot say.
func (i *Init) check(n strict.Node) {
	if len(i.Command) > 0 && path.Base(i.Command[0]) != "init" {
		n.Problem("command: PID 1 is /init, so the command must begin with it, not with %q", i.Command[0])
	}
	words := slices.Clone(i.Command)
	for _, variable := range i.Env {
		words = append(words, string(variable))
		if name, _, _ := strings.Cut(string(variable), "="); strings.ContainsAny(name, " .-") {
			n.Problem("env: the kernel would take %q for a parameter of its own; a name has no blank, dot or dash", name)
		}
	}
	for _, word := range words {
		if strings.ContainsAny(word, "\"\n\x00") {
			n.Problem("%q cannot stand on the kernel's command line: no quotes, no line breaks", word)
		}
	}
}

// EncodeYAML returns the entry as it is written.
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

// KernelLine returns the kernel's command line with what the init entries want of
// PID 1: variables, and behind -- its arguments, which the kernel hands on (kernel
// Documentation/admin-guide/kernel-parameters.rst).
func (m *Manifest) KernelLine() string {
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

// quoted puts a word with a blank in it between quotes.
func quoted(word string) string {
	if strings.ContainsAny(word, " \t") {
		return `"` + word + `"`
	}
	return word
}
