// Package bundle makes the OCI bundle of one entry: config.json by the OCI runtime
// specification, with LinuxKit's defaults, and runtime.json, which tells PID 1 what
// to mount and to make before the container starts.
//
// LinuxKit's defaults are not Docker's: no capability unless asked for, the network,
// IPC and UTS namespaces of the host, no masked paths, and root inside.
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

// Label is the image label that holds an image's own defaults.
const Label = "org.mobyproject.config"

// Bundle is the two files of one entry.
type Bundle struct {
	Config  *specs.Spec
	Runtime Runtime
}

// Make returns the bundle of an entry whose image has this config.
func Make(e manifest.Entry, image v1.Config, ids IDs) (*Bundle, error) {
	label, err := readLabel(e, image)
	if err != nil {
		return nil, err
	}
	settings := Effective(e, label, image)
	config, err := makeSpec(settings, ids)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", e.Place, e.Path, err)
	}
	return &Bundle{config, makeRuntime(settings.Runtime)}, nil
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

// indent is LinuxKit's.
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
