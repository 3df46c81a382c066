package manifest

import (
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Bind is a bind mount, source:destination[:options]. A source that is not an absolute
// path is the name of a volume.
type Bind struct {
	Source, Destination string
	Options             []string // nil if none are given
}

// DecodeYAML decodes a bind.
func (b *Bind) DecodeYAML(n strict.Node) {
	var text string
	n.Into(&text)
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 3 {
		n.Problem("%q must be source:destination or source:destination:options", text)
		return
	}
	b.Source, b.Destination = parts[0], parts[1]
	if len(parts) == 3 {
		b.Options = strings.Split(parts[2], ",")
	}
	if b.Source == "" {
		n.Problem("%q: the source is empty; use a path or the name of a volume", text)
	}
	checkDestination(n, text, b.Destination)
}

// String returns the bind as in the manifest.
func (b Bind) String() string {
	text := b.Source + ":" + b.Destination
	if b.Options != nil {
		text += ":" + strings.Join(b.Options, ",")
	}
	return text
}

// Mount returns the bind as an OCI mount. As in LinuxKit, the default options are
// rw,rbind,rshared, and rbind is added to given options.
func (b Bind) Mount() specs.Mount {
	options := []string{"rw", "rbind", "rshared"}
	if b.Options != nil {
		options = append(slices.Clone(b.Options), "rbind")
	}
	return specs.Mount{Destination: b.Destination, Type: "bind", Source: b.Source, Options: options}
}

// Tmpfs is a tmpfs mount, destination[:options].
type Tmpfs struct {
	Destination string
	Options     []string
}

// DecodeYAML decodes a tmpfs.
func (t *Tmpfs) DecodeYAML(n strict.Node) {
	var text, options string
	var given bool
	n.Into(&text)
	if strings.Count(text, ":") > 1 {
		n.Problem("%q must be destination or destination:options", text)
		return
	}
	if t.Destination, options, given = strings.Cut(text, ":"); given {
		t.Options = strings.Split(options, ",")
	}
	checkDestination(n, text, t.Destination)
}

// String returns the tmpfs as in the manifest.
func (t Tmpfs) String() string {
	if t.Options == nil {
		return t.Destination
	}
	return t.Destination + ":" + strings.Join(t.Options, ",")
}

// Mount returns the tmpfs as an OCI mount.
func (t Tmpfs) Mount() specs.Mount {
	return specs.Mount{Destination: t.Destination, Type: "tmpfs", Source: "tmpfs", Options: t.Options}
}

// checkDestination rejects a relative destination.
func checkDestination(n strict.Node, text, destination string) {
	if text != "" && !strings.HasPrefix(destination, "/") {
		n.Problem("%q: the destination %q must be an absolute path", text, destination)
	}
}

// Mount is a mount in a container, or one that PID 1 makes before the container starts.
type Mount struct {
	strict.At
	Type        string      `yaml:"type"`        // file system type, or bind
	Source      string      `yaml:"source"`      // device or path, for a bind also the name of a volume; default the type
	Destination string      `yaml:"destination"` // mount point; default by type for proc, sysfs, devpts, cgroup and mqueue
	Options     []string    `yaml:"options"`     // options of mount(8)
	UIDMappings []IDMapping `yaml:"uidmappings"` // user ids of an id-mapped mount
	GIDMappings []IDMapping `yaml:"gidmappings"` // group ids of an id-mapped mount
}

// knownMounts maps file system types to their default destinations.
var knownMounts = map[string]string{
	"proc": "/proc", "devpts": "/dev/pts", "sysfs": "/sys", "cgroup": "/sys/fs/cgroup", "mqueue": "/dev/mqueue",
}

// Complete fills in the fields that LinuxKit infers: the type from the source, the source
// and the destination from the type. Other empty fields stay empty.
func (m Mount) Complete() specs.Mount {
	if _, known := knownMounts[m.Source]; known && m.Type == "" {
		m.Type = m.Source
	}
	if m.Destination == "/dev" && m.Type == "" {
		m.Type = "tmpfs"
	}
	if m.Destination == "" {
		m.Destination = knownMounts[m.Type]
	}
	if m.Source == "" {
		m.Source = m.Type
	}
	return m.OCI()
}

// OCI returns the mount as in the manifest, in the type of the OCI runtime specification.
func (m Mount) OCI() specs.Mount {
	return specs.Mount{
		Destination: m.Destination, Type: m.Type, Source: m.Source, Options: m.Options,
		UIDMappings: mappings(m.UIDMappings), GIDMappings: mappings(m.GIDMappings),
	}
}

// check finds missing fields in a mount of a container.
func (m Mount) check() []strict.Problem {
	switch full := m.Complete(); {
	case full.Type == "":
		return []strict.Problem{m.Problem("", "the mount at %q has no type", m.Destination)}
	case full.Destination == "":
		return []strict.Problem{m.Problem("", "the mount of type %q has no destination", m.Type)}
	}
	return nil
}
