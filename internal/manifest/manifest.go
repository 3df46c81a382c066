// Package manifest reads LinuxKit manifests, the first step of the pipeline.
//
// A manifest is YAML: a kernel, the images unpacked to / (init), the containers that run
// once at boot (onboot) and at shutdown (onshutdown), the long-running ones (services),
// and files. Load reads one or several, merges them, and reports all errors that need no
// network, each with its place. Every value keeps its place in the file, so later steps
// report errors at the same line.
package manifest

import (
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Manifest is one or several files, merged.
type Manifest struct {
	strict.At
	Kernel     Kernel    `yaml:"kernel"`     // kernel and its command line
	Init       []Init    `yaml:"init"`       // images to unpack to /, in order
	Packages   []Package `yaml:"packages"`   // LinuxKit packages by their path: github.com/linuxkit/linuxkit/pkg/init
	Volumes    []Volume  `yaml:"volumes"`    // directories that containers share
	Onboot     []Entry   `yaml:"onboot"`     // containers that run once, in order, before the services
	Onshutdown []Entry   `yaml:"onshutdown"` // containers that run once at shutdown
	Services   []Entry   `yaml:"services"`   // long-running containers
	Files      []File    `yaml:"files"`      // files to add, after all images
	Trust      Trust     `yaml:"trust"`      // images that must be signed
	Outputs    []Output  `yaml:"outputs"`    // formats to build if the command line names none

	// Name is the base name of the last file without its extension: the default name of
	// the image.
	Name string `yaml:"-"`
}

// Kernel is the kernel image and the kernel command line.
type Kernel struct {
	strict.At
	Image   Image  `yaml:"image"`   // reference of the kernel image
	Cmdline string `yaml:"cmdline"` // kernel command line, one line
	Binary  string `yaml:"binary"`  // kernel file in the image; default "kernel"
	Tar     string `yaml:"tar"`     // modules archive in the image; default "kernel.tar"; "none" or "" for none
	Ucode   string `yaml:"ucode"`   // microcode file in the image; default none
}

// Output is a format to build if the command line names none, as in Moby's manifests.
type Output struct {
	strict.At
	Format string `yaml:"format,required"` // name of the format, such as kernel+initrd
}

// Formats returns the formats of outputs.
func (m *Manifest) Formats() []string {
	var formats []string
	for _, o := range m.Outputs {
		formats = append(formats, o.Format)
	}
	return formats
}

// Check finds errors in the kernel settings.
func (k *Kernel) Check() []strict.Problem {
	if strings.ContainsAny(k.Cmdline, "\n\x00") {
		return []strict.Problem{k.Problem("cmdline", "must be one line")}
	}
	return nil
}

// BinaryName returns the name of the kernel file in the kernel image.
func (k Kernel) BinaryName() string {
	if k.Binary == "" {
		return "kernel"
	}
	return k.Binary
}

// TarName returns the name of the modules archive in the kernel image, or "" for none.
func (k Kernel) TarName() string {
	switch {
	case !k.Has("tar"):
		return "kernel.tar"
	case k.Tar == "none":
		return ""
	}
	return k.Tar
}

// initPackage is the path of LinuxKit's init. A manifest names it to use the built-in PID 1.
const initPackage = "github.com/linuxkit/linuxkit/pkg/init"

// Package is the path of a LinuxKit package.
type Package string

// DecodeYAML decodes a package.
func (p *Package) DecodeYAML(n strict.Node) {
	n.Into((*string)(p))
	text := strings.TrimPrefix(string(*p), "https://")
	if text != "" && strings.TrimSuffix(text, "/") != initPackage {
		n.Problem("unknown package %q; the only known package is %s, the built-in PID 1; "+
			"add other packages as images to init, onboot or services", string(*p), initPackage)
	}
}

// RequestsBuiltinInit reports whether packages requests the built-in PID 1.
func (m *Manifest) RequestsBuiltinInit() bool { return len(m.Packages) > 0 }
