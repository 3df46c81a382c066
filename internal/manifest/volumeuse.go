package manifest

import (
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// volumeUses finds mounts of volumes that there are not, and mounts for writing of
// those that nobody may write to.
func (m *Manifest) volumeUses() []strict.Problem {
	var problems []strict.Problem
	for _, section := range m.Sections() {
		for _, e := range section.Entries {
			note := func(key, source string, options []string) {
				if text := m.volumeUse(source, options); text != "" {
					problems = append(problems, e.Problem(key, "%s", text))
				}
			}
			for _, b := range e.Binds {
				note("binds", b.Source, b.Options)
			}
			for _, b := range e.BindsAdd {
				note("binds.add", b.Source, b.Options)
			}
			for _, mount := range e.Mounts {
				if mount.Type == "bind" {
					note("mounts", mount.Source, mount.Options)
				}
			}
		}
	}
	return problems
}

// volumeUse returns what is wrong with the source of a bind.
func (m *Manifest) volumeUse(source string, options []string) string {
	if source == "" || strings.HasPrefix(source, "/") {
		return ""
	}
	volume, known := m.Volume(source)
	if !known {
		var names []string
		for _, v := range m.Volumes {
			names = append(names, v.Name)
		}
		return "there is no volume \"" + source + "\"" + meant(source, names) + "; a path begins with /"
	}
	if volume.Readonly && (!slices.Contains(options, "ro") || slices.Contains(options, "rw")) {
		return "volume \"" + source + "\" is read-only; add the option ro"
	}
	return ""
}

// ResolveVolumes returns the settings with the names of volumes replaced by their
// paths, in the manifest's own mounts: a label knows nothing of them.
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
