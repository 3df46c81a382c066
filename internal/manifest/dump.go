package manifest

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
	"gopkg.in/yaml.v3"
)

// indent is the same as in LinuxKit, for YAML and JSON.
const indent = 4

// YAML returns the merged manifest: the given keys, in the order of LinuxKit's fields, with
// templates resolved.
func (m *Manifest) YAML() ([]byte, error) {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(indent)
	err := enc.Encode(strict.Encode(m))
	return out.Bytes(), err
}

// Dump returns the content of a file with metadata: the merged manifest with full image
// references, in form MetadataYAML or MetadataJSON.
func (m *Manifest) Dump(form string) ([]byte, error) {
	full := m.canonical()
	if form == MetadataYAML {
		return full.YAML()
	}
	var plain any
	if err := strict.Encode(full).Decode(&plain); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", strings.Repeat(" ", indent))
	err := enc.Encode(plain)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// canonical returns a copy of the manifest with full image references.
func (m *Manifest) canonical() *Manifest {
	out := *m
	full := func(image Image) Image {
		if image == "" {
			return ""
		}
		return Image(Canonical(string(image)))
	}
	out.Kernel.Image = full(m.Kernel.Image)
	out.Init = mapSlice(m.Init, func(i *Init) { i.Image = full(i.Image) })
	out.Volumes = mapSlice(m.Volumes, func(v *Volume) { v.Image = full(v.Image) })
	for _, list := range []*[]Entry{&out.Onboot, &out.Onshutdown, &out.Services} {
		*list = mapSlice(*list, func(e *Entry) { e.Image = full(e.Image) })
	}
	return &out
}

// mapSlice returns a copy of a list with each item changed.
func mapSlice[T any](list []T, change func(*T)) []T {
	var out []T
	for _, item := range list {
		change(&item)
		out = append(out, item)
	}
	return out
}
