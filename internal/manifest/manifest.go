// Package manifest is the first step of the line: what the user wrote.
//
// A manifest is LinuxKit's YAML: a kernel, the images unpacked onto / (init), the
// containers run once while booting (onboot) and while going down (onshutdown),
// those that stay (services), and loose files. Load reads one or several, merges
// them, and finds every mistake that can be found without a network; each is told
// with its place. What it returns still says where each thing was written, so that
// the steps after it can point at the line too.
package manifest

import (
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Manifest is one or several files, merged.
type Manifest struct {
	strict.At
	Kernel     Kernel    `yaml:"kernel"`     // kernel and its command line
	Init       []Init    `yaml:"init"`       // images that are unpacked onto /, in order
	Packages   []Package `yaml:"packages"`   // parts of LinuxKit by where they are developed: github.com/linuxkit/linuxkit/pkg/init
	Volumes    []Volume  `yaml:"volumes"`    // directories that containers share
	Onboot     []Entry   `yaml:"onboot"`     // containers that run once, one after another, before the services
	Onshutdown []Entry   `yaml:"onshutdown"` // containers that run once while the system goes down
	Services   []Entry   `yaml:"services"`   // containers that stay
	Files      []File    `yaml:"files"`      // loose files, written last
	Trust      Trust     `yaml:"trust"`      // images that must be signed
	Outputs    []Output  `yaml:"outputs"`    // formats that are built where the command line names none

	// Name is the base name of the last file without its extension: the default
	// name of what is built.
	Name string `yaml:"-"`
}

// Kernel is the image that holds the kernel, and its command line.
type Kernel struct {
	strict.At
	Image   Image  `yaml:"image"`   // reference of the image that holds it
	Cmdline string `yaml:"cmdline"` // command line, one line
	Binary  string `yaml:"binary"`  // file in the image, "kernel" by default
	Tar     string `yaml:"tar"`     // file in the image, "kernel.tar" by default; "none" or "" for none
	Ucode   string `yaml:"ucode"`   // CPU microcode in the image, none by default
}

// Output is a format that is built where the command line names none, as in Moby's
// manifests.
type Output struct {
	strict.At
	Format string `yaml:"format,required"` // such as kernel+initrd
}

// Formats returns the formats that the manifest asks for.
func (m *Manifest) Formats() []string {
	var formats []string
	for _, o := range m.Outputs {
		formats = append(formats, o.Format)
	}
	return formats
}

// Check finds mistakes in the kernel's settings.
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

// TarName returns the name of the modules tarball in the kernel image, or "" where
// the manifest wants none.
func (k Kernel) TarName() string {
	switch {
	case !k.Has("tar"):
		return "kernel.tar"
	case k.Tar == "none":
		return ""
	}
	return k.Tar
}
