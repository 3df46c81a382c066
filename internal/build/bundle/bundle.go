// Package bundle creates the OCI bundle of one manifest entry: config.json (OCI runtime
// specification) and runtime.json, which lists what PID 1 mounts and creates before the
// container starts.
//
// A setting comes from the manifest, else from the image's label, else from the image's
// config, else from LinuxKit's defaults. These differ from Docker's: no capabilities, the
// network, IPC and UTS namespaces of the host, no masked paths, and user root.
package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Label is the image label that contains default settings, as JSON.
const Label = "org.mobyproject.config"

// Bundle is the pair of files of one entry.
type Bundle struct {
	Config  *specs.Spec
	Runtime Runtime
}

// New returns the bundle of an entry whose image has this config. Errors in the label wrap
// manifest.ErrInvalid.
func New(e manifest.Entry, image v1.Config, ids IDs) (*Bundle, error) {
	label, err := readLabel(e, image)
	if err != nil {
		return nil, err
	}
	settings := Effective(e, label, image)
	config, err := newSpec(settings, ids)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", e.Place, e.Path, err)
	}
	return &Bundle{Config: config, Runtime: newRuntime(settings.Runtime)}, nil
}

func readLabel(e manifest.Entry, image v1.Config) (defaults, error) {
	var label defaults
	text := image.Labels[Label]
	if text == "" {
		return label, nil
	}
	if err := strict.Decode(fmt.Sprintf("label %s of %s", Label, e.Image), []byte(text), &label); err != nil {
		return label, fmt.Errorf("%s: %s: %w", e.Of("image"), e.Path, err)
	}
	return label, nil
}

// indent is the same as in LinuxKit.
const indent = "    "

// ConfigJSON returns config.json.
func (b *Bundle) ConfigJSON() ([]byte, error) { return marshal(b.Config) }

// RuntimeJSON returns runtime.json.
func (b *Bundle) RuntimeJSON() ([]byte, error) { return marshal(b.Runtime) }

func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // people read these files
	enc.SetIndent("", indent)
	err := enc.Encode(v)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}
