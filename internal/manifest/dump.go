package manifest

import (
	"bytes"
	"encoding/json"

	"github.com/org/linuxkit-action/internal/manifest/strict"
	"gopkg.in/yaml.v3"
)

// indent is LinuxKit's, in both forms.
const indent = 4

// YAML returns the merged manifest as a manifest: what was given, in the order of
// LinuxKit's fields, templates resolved.
func (m *Manifest) YAML() ([]byte, error) {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(indent)
	err := enc.Encode(strict.Encode(m))
	return out.Bytes(), err
}

// Dump returns the content of a file with metadata: the merged manifest with the names
// of images in full, as YAML or JSON.
func (m *Manifest) Dump(form string) ([]byte, error) {
	named := m.canonical()
	if form == MetadataYAML {
		return named.YAML()
	}
	var plain any
	if err := strict.Encode(named).Decode(&plain); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "    ")
	err := enc.Encode(plain)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// canonical returns the manifest with LinuxKit's short names of images expanded.
func (m *Manifest) canonical() *Manifest {
	out := *m
	full := func(image Image) Image {
		if image == "" {
			return ""
		}
		return Image(expand(string(image)))
	}
	out.Kernel.Image = full(m.Kernel.Image)
	out.Init = each(m.Init, func(i *Init) { i.Image = full(i.Image) })
	out.Volumes = each(m.Volumes, func(v *Volume) { v.Image = full(v.Image) })
	for _, list := range []*[]Entry{&out.Onboot, &out.Onshutdown, &out.Services} {
		*list = each(*list, func(e *Entry) { e.Image = full(e.Image) })
	}
	return &out
}

// each returns a changed copy of a list.
func each[T any](list []T, change func(*T)) []T {
	var out []T
	for _, item := range list {
		change(&item)
		out = append(out, item)
	}
	return out
}
