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
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// ErrInvalid is wrapped by the error for a manifest that cannot be built.
var ErrInvalid = strict.ErrInvalid

// ErrUnreadable is wrapped by the error for a manifest that is not there.
var ErrUnreadable = errors.New("no manifest to read")

// Manifest is one or several files, merged.
type Manifest struct {
	strict.At
	Kernel     Kernel   `yaml:"kernel"`
	Init       []Init   `yaml:"init"`
	Onboot     []Entry  `yaml:"onboot"`
	Onshutdown []Entry  `yaml:"onshutdown"`
	Services   []Entry  `yaml:"services"`
	Files      []File   `yaml:"files"`
	Trust      Trust    `yaml:"trust"`
	Outputs    []Output `yaml:"outputs"`

	// Name is the base name of the last file without its extension: the default
	// name of what is built.
	Name string `yaml:"-"`
}

// Kernel is the image that holds the kernel, and its command line.
type Kernel struct {
	strict.At
	Image   string `yaml:"image"`
	Cmdline string `yaml:"cmdline"`
	Binary  string `yaml:"binary"` // file in the image, "kernel" by default
	Tar     string `yaml:"tar"`    // file in the image, "kernel.tar" by default; "none" or "" for none
	Ucode   string `yaml:"ucode"`  // CPU microcode in the image, none by default
}

// Output is a format that is built where the command line names none, as in Moby's
// manifests.
type Output struct {
	Format string `yaml:"format,required"`
}

// Formats returns the formats that the manifest asks for.
func (m *Manifest) Formats() []string {
	var formats []string
	for _, o := range m.Outputs {
		formats = append(formats, o.Format)
	}
	return formats
}

// Options say how manifests are read.
type Options struct {
	Stdin io.Reader // what "-" reads
}

// Load reads the files in order and merges them as LinuxKit does: lists are joined,
// the last kernel setting wins. "-" is standard input. The error tells every
// mistake in every file and wraps ErrInvalid, or ErrUnreadable.
func Load(paths []string, opts Options) (*Manifest, error) {
	merged := &Manifest{}
	var problems []strict.Problem
	for _, path := range paths {
		m, mistakes, err := loadOne(path, opts)
		if err != nil {
			return nil, err
		}
		problems = append(problems, mistakes...)
		merged.merge(m)
	}
	problems = append(problems, merged.duplicates()...)
	if err := strict.Join(problems); err != nil {
		return nil, err
	}
	return merged, nil
}

// loadOne reads one file. What could be understood is there beside the mistakes, so
// that a misspelt key does not hide what else is wrong.
func loadOne(path string, opts Options) (*Manifest, []strict.Problem, error) {
	name, r, err := open(path, opts)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	defer r.Close()
	m := &Manifest{Name: baseName(path)}
	data, err := strict.Read(name, r)
	if err == nil {
		err = strict.Decode(name, data, m)
	}
	var mistakes *strict.Error
	if errors.As(err, &mistakes) {
		return m, append(mistakes.Problems, m.validate()...), nil
	}
	return m, m.validate(), err
}

func open(path string, opts Options) (string, io.ReadCloser, error) {
	if path == "-" {
		return "(standard input)", io.NopCloser(opts.Stdin), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return path, nil, err
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		f.Close()
		return path, nil, fmt.Errorf("%s is a folder; name the manifest in it", path)
	}
	return path, f, nil
}

// baseName is LinuxKit's rule for the name of what is built.
func baseName(path string) string {
	if path == "-" {
		return "moby"
	}
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// merge adds a later file to m.
func (m *Manifest) merge(later *Manifest) {
	m.Name = later.Name
	if m.Place.File == "" {
		m.At = later.At
	}
	m.Kernel.merge(later.Kernel)
	m.Init = append(m.Init, later.Init...)
	m.Onboot = append(m.Onboot, later.Onboot...)
	m.Onshutdown = append(m.Onshutdown, later.Onshutdown...)
	m.Services = append(m.Services, later.Services...)
	m.Files = append(m.Files, later.Files...)
	m.Outputs = append(m.Outputs, later.Outputs...)
	m.Trust.Image = append(m.Trust.Image, later.Trust.Image...)
	m.Trust.Org = append(m.Trust.Org, later.Trust.Org...)
}

func (k *Kernel) merge(later Kernel) {
	if k.Place.File == "" || later.Image != "" {
		at := k.At
		k.At = later.At
		k.At.Inherit(at)
	} else {
		k.At.Inherit(later.At)
	}
	for _, f := range []struct {
		key       string
		into, has *string
	}{
		{"image", &k.Image, &later.Image}, {"cmdline", &k.Cmdline, &later.Cmdline},
		{"binary", &k.Binary, &later.Binary}, {"tar", &k.Tar, &later.Tar}, {"ucode", &k.Ucode, &later.Ucode},
	} {
		if later.Has(f.key) {
			*f.into = *f.has
		}
	}
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

// duplicates finds what must be unique over all the files.
func (m *Manifest) duplicates() []strict.Problem {
	var problems []strict.Problem
	first := map[string]strict.Place{}
	for _, s := range m.Services {
		if place, twice := first[s.Name]; twice {
			problems = append(problems, s.Problem("name", "another service has this name, at %s; give each its own", place))
			continue
		}
		first[s.Name] = s.Place
	}
	return problems
}
