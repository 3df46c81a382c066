package manifest

import "github.com/org/linuxkit-action/internal/manifest/strict"

// merge adds a later file to m.
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
	m.Trust.Image = append(m.Trust.Image, later.Trust.Image...)
	m.Trust.Org = append(m.Trust.Org, later.Trust.Org...)
}

// merge takes what a later file sets. An empty command line sets nothing, as in LinuxKit.
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
		key       string
		into, has *string
	}{
		{key: "cmdline", into: &k.Cmdline, has: &later.Cmdline}, {key: "binary", into: &k.Binary, has: &later.Binary},
		{key: "tar", into: &k.Tar, has: &later.Tar}, {key: "ucode", into: &k.Ucode, has: &later.Ucode},
	} {
		if clears := f.key == "tar" || f.key == "ucode"; *f.has != "" || clears && later.Has(f.key) {
			*f.into = *f.has
		}
	}
}

// crossCheck finds what only all the files together show.
func (m *Manifest) crossCheck() []strict.Problem {
	problems := append(m.duplicateServices(), m.duplicateVolumes()...)
	problems = append(problems, m.volumeUses()...)
	return append(problems, m.idNames()...)
}

func (m *Manifest) duplicateServices() []strict.Problem {
	var problems []strict.Problem
	first := map[string]strict.Place{}
	for _, s := range m.Services {
		if place, twice := first[s.Name]; twice && s.Name != "" {
			problems = append(problems,
				s.Problem("name", "another service is called %q, at %s; give each its own name", s.Name, place))
			continue
		}
		first[s.Name] = s.Place
	}
	return problems
}

func (m *Manifest) duplicateVolumes() []strict.Problem {
	var problems []strict.Problem
	first := map[string]strict.Place{}
	for _, v := range m.Volumes {
		if place, twice := first[v.Name]; twice && v.Name != "" {
			problems = append(problems,
				v.Problem("name", "another volume is called %q, at %s; give each its own name", v.Name, place))
			continue
		}
		first[v.Name] = v.Place
	}
	return problems
}

// Volume returns the volume of a name.
func (m *Manifest) Volume(name string) (Volume, bool) {
	for _, v := range m.Volumes {
		if v.Name == name {
			return v, true
		}
	}
	return Volume{}, false
}

// idNames finds ids that are names of nobody.
func (m *Manifest) idNames() []strict.Problem {
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
	var known []string
	for name := range names {
		known = append(known, name)
	}
	var problems []strict.Problem
	for _, id := range ids {
		if !names[id.Name] {
			problems = append(problems, strict.Problem{Place: id.place, Path: id.path,
				Text: "no entry is called \"" + id.Name + "\", so it has no id" + orNumber(meant(id.Name, known))})
		}
	}
	return problems
}

// orNumber ends the sentence about an id with what can always be done.
func orNumber(meant string) string {
	if meant == "" {
		return "; write a number"
	}
	return meant
}
