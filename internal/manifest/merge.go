package manifest

import (
	"maps"
	"slices"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// merge merges a later file into m.
func (m *Manifest) merge(later *Manifest) {
	m.Name = later.Name
	if m.Place.File == "" {
		m.At = later.At
	}
	m.Kernel.merge(later.Kernel)
	m.Init = append(m.Init, later.Init...)
	m.Packages = append(m.Packages, later.Packages...)
	m.Volumes = append(m.Volumes, later.Volumes...)
	m.Onboot = append(m.Onboot, later.Onboot...)
	m.Onshutdown = append(m.Onshutdown, later.Onshutdown...)
	m.Services = append(m.Services, later.Services...)
	m.Files = append(m.Files, later.Files...)
	m.Outputs = append(m.Outputs, later.Outputs...)
	if m.Trust.Place.File == "" {
		m.Trust.At = later.Trust.At
	} else {
		m.Trust.Inherit(later.Trust.At)
	}
	m.Trust.Image = append(m.Trust.Image, later.Trust.Image...)
	m.Trust.Org = append(m.Trust.Org, later.Trust.Org...)
}

// merge replaces the settings of an earlier file. As in LinuxKit, an empty command line
// replaces nothing.
func (k *Kernel) merge(later Kernel) {
	if k.Place.File == "" || later.Image != "" {
		at := k.At
		k.At = later.At
		k.At.Inherit(at)
	} else {
		k.At.Inherit(later.At)
	}
	if later.Image != "" {
		k.Image = later.Image
	}
	for _, f := range []struct {
		key        string
		into, from *string
	}{
		{key: "cmdline", into: &k.Cmdline, from: &later.Cmdline}, {key: "binary", into: &k.Binary, from: &later.Binary},
		{key: "tar", into: &k.Tar, from: &later.Tar}, {key: "ucode", into: &k.Ucode, from: &later.Ucode},
	} {
		if clears := f.key == "tar" || f.key == "ucode"; *f.from != "" || clears && later.Has(f.key) {
			*f.into = *f.from
		}
	}
}

// validate finds errors between entries, after all files are merged.
func (m *Manifest) validate() []strict.Problem {
	problems := append(m.checkNames(), m.checkVolumeUses()...)
	return append(problems, m.checkIDs()...)
}

// checkNames finds services and volumes with the same name.
func (m *Manifest) checkNames() []strict.Problem {
	var services, volumes []named
	for _, s := range m.Services {
		services = append(services, named{At: s.At, name: s.Name})
	}
	for _, v := range m.Volumes {
		volumes = append(volumes, named{At: v.At, name: v.Name})
	}
	return append(duplicates("service", services), duplicates("volume", volumes)...)
}

// named is an item of a list in which names are unique.
type named struct {
	strict.At
	name string
}

func duplicates(kind string, items []named) []strict.Problem {
	var problems []strict.Problem
	first := map[string]strict.Place{}
	for _, item := range items {
		if place, exists := first[item.name]; exists && item.name != "" {
			problems = append(problems,
				item.Problem("name", "duplicate %s %q, first defined at %s; use unique names", kind, item.name, place))
			continue
		}
		first[item.name] = item.Place
	}
	return problems
}

// Volume returns the volume with a name.
func (m *Manifest) Volume(name string) (Volume, bool) {
	for _, v := range m.Volumes {
		if v.Name == name {
			return v, true
		}
	}
	return Volume{}, false
}

// checkIDs finds ids that name no entry.
func (m *Manifest) checkIDs() []strict.Problem {
	names := map[string]bool{"": true, "root": true}
	var ids []ID
	for _, section := range m.Sections() {
		for _, e := range section.Entries {
			names[e.Name] = true
			ids = append(append(ids, e.UID, e.GID), e.AdditionalGids...)
		}
	}
	for _, f := range m.Files {
		ids = append(ids, f.UID, f.GID)
	}
	known := &suggester{names: slices.Sorted(maps.Keys(names))}
	var problems []strict.Problem
	for _, id := range ids {
		if !names[id.Name] {
			problems = append(problems, strict.Problem{Place: id.place, Path: id.path,
				Text: "no entry is named \"" + id.Name + "\"" + orNumber(known.suggest(id.Name))})
		}
	}
	return problems
}

// orNumber returns a suggestion, or the remedy that is always possible.
func orNumber(suggestion string) string {
	if suggestion == "" {
		return "; use a number or the name of an entry"
	}
	return suggestion
}
