package manifest

import (
	"regexp"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Formats of a volume.
const (
	VolumeFilesystem = "filesystem"
	VolumeOCI        = "oci"
)

// VolumesDir is the folder of volumes in the image.
const VolumesDir = "/containers/volumes"

// Volume is a directory that containers share: a tmpfs over the files of its image.
type Volume struct {
	strict.At
	Name      string   `yaml:"name,required"` // name for the source of binds
	Image     Image    `yaml:"image"`         // initial content; empty without an image
	Format    string   `yaml:"format"`        // filesystem (default): the files of the image; oci: the image as an OCI layout
	Platforms []string `yaml:"platforms"`     // for format oci: platforms of the index, as os/arch[/variant]; default all
	Readonly  bool     `yaml:"readonly"`      // read-only for all containers
}

// volumeName is the rule of LinuxKit, which also allows the empty name.
var volumeName = regexp.MustCompile(`^[a-z0-9_-]+$`)

// Dir returns the folder of the volume in the image.
func (v Volume) Dir() string { return VolumesDir + "/" + v.Name }

// Merged returns the directory that containers bind.
func (v Volume) Merged() string { return v.Dir() + "/merged" }

// IsLayout reports whether the volume contains its image as an OCI layout.
func (v Volume) IsLayout() bool { return v.Format == VolumeOCI && v.Image != "" }

// Includes reports whether the layout includes the image for a platform.
func (v Volume) Includes(platform *v1.Platform) bool {
	if len(v.Platforms) == 0 || platform == nil {
		return len(v.Platforms) == 0
	}
	return slices.ContainsFunc(v.Platforms, func(text string) bool {
		wanted, err := v1.ParsePlatform(text)
		return err == nil && platform.Satisfies(*wanted)
	})
}

// Check finds errors in the volume.
func (v *Volume) Check() []strict.Problem {
	var problems []strict.Problem
	if v.Has("name") && !volumeName.MatchString(v.Name) {
		problems = append(problems, v.Problem("name", "%q must be lower-case letters, digits, _ and -", v.Name))
	}
	if formats := []string{VolumeFilesystem, VolumeOCI}; v.Format != "" && !slices.Contains(formats, v.Format) {
		problems = append(problems,
			v.Problem("format", "%q must be %s%s", v.Format, strings.Join(formats, " or "), suggest(v.Format, formats)))
	}
	for _, text := range v.Platforms {
		if p, err := v1.ParsePlatform(text); err != nil || p.OS == "" || p.Architecture == "" {
			problems = append(problems, v.Problem("platforms", "%q must be os/arch or os/arch/variant, such as linux/arm64", text))
		}
	}
	return problems
}

// checkVolumeUses finds mounts of unknown volumes, and writable mounts of read-only ones.
func (m *Manifest) checkVolumeUses() []strict.Problem {
	var problems []strict.Problem
	volumes, names := m.volumesByName(), &suggester{}
	for _, v := range m.Volumes {
		names.names = append(names.names, v.Name)
	}
	for _, section := range m.Sections() {
		for _, e := range section.Entries {
			check := func(key, source string, options []string) {
				if text := checkVolumeUse(volumes, names, source, options); text != "" {
					problems = append(problems, e.Problem(key, "%s", text))
				}
			}
			for _, b := range e.Binds {
				check("binds", b.Source, b.Options)
			}
			for _, b := range e.BindsAdd {
				check("binds.add", b.Source, b.Options)
			}
			for _, mount := range e.Mounts {
				if mount.Type == "bind" {
					check("mounts", mount.Source, mount.Options)
				}
			}
		}
	}
	return problems
}

// checkVolumeUse returns the error in the source of a bind, or "".
func checkVolumeUse(volumes map[string]Volume, names *suggester, source string, options []string) string {
	if source == "" || strings.HasPrefix(source, "/") {
		return ""
	}
	volume, known := volumes[source]
	if !known {
		return "unknown volume \"" + source + "\"" + names.suggest(source) + "; a path starts with /"
	}
	if volume.Readonly && (!slices.Contains(options, "ro") || slices.Contains(options, "rw")) {
		return "volume \"" + source + "\" is read-only; add the option ro"
	}
	return ""
}

func (m *Manifest) volumesByName() map[string]Volume {
	volumes := make(map[string]Volume, len(m.Volumes))
	for _, v := range slices.Backward(m.Volumes) { // of several with a name, the first
		volumes[v.Name] = v
	}
	return volumes
}

// ResolveVolumes returns an entry with the volumes in its mounts replaced by their paths.
// Labels cannot refer to volumes.
func (m *Manifest) ResolveVolumes(e Entry) Entry {
	path := func(source string) string {
		if v, known := m.Volume(source); known {
			return v.Merged()
		}
		return source
	}
	e.Binds, e.BindsAdd, e.Mounts = slices.Clone(e.Binds), slices.Clone(e.BindsAdd), slices.Clone(e.Mounts)
	for i := range e.Binds {
		e.Binds[i].Source = path(e.Binds[i].Source)
	}
	for i := range e.BindsAdd {
		e.BindsAdd[i].Source = path(e.BindsAdd[i].Source)
	}
	for i := range e.Mounts {
		if e.Mounts[i].Type == "bind" {
			e.Mounts[i].Source = path(e.Mounts[i].Source)
		}
	}
	return e
}
