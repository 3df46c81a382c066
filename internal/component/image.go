package component

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Bounds of an image manifest, which is read before it is verified.
const (
	maxConfigBytes = 4 << 20
	maxLayers      = 500 // Docker allows 127
	maxLayerBytes  = 8 << 30
)

// readImage parses a manifest, and fetches and checks its config.
func (c *Component) readImage(ctx context.Context, raw []byte, arch string) error {
	m, err := parseManifest(raw)
	if err != nil {
		return err
	}
	text, err := c.get(ctx, "blobs", m.Config.Digest.String())
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	if err := verifyContent(bytes.NewReader(text), m.Config); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	if err := c.spend(raw, text); err != nil {
		return err
	}
	if err := checkShape(text); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	config, err := v1.ParseConfigFile(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%w: config: %w", ErrMalformed, err)
	}
	if len(config.RootFS.DiffIDs) != len(m.Layers) {
		return fmt.Errorf("%w: manifest has %d layers, config has %d diff IDs", ErrMalformed, len(m.Layers), len(config.RootFS.DiffIDs))
	}
	if config.Architecture != "" && config.Architecture != arch {
		return fmt.Errorf("%w for linux/%s: it is for %s/%s; use another image or --arch",
			ErrNotFound, arch, config.OS, config.Architecture)
	}
	c.Manifest, c.Config = m, config
	return nil
}

// spend spends the memory of a manifest and its config, which are retained until the end.
func (c *Component) spend(raw, config []byte) error {
	const parsed = 3 // times the size of the text
	return c.budget().Memory(int64(len(c.raw) + parsed*(len(raw)+len(config))))
}

// maxTokens bounds the values of a manifest or a config. Parsed, each may take 100 times
// the memory of its text.
const maxTokens = 50_000

// checkShape counts the values of a JSON text before it is parsed. The error wraps
// ErrMalformed.
func checkShape(text []byte) error {
	tokens, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == '[' || c == '{'):
			tokens++
		}
	}
	if tokens > maxTokens {
		return fmt.Errorf("%w: more than %d values", ErrMalformed, maxTokens)
	}
	return nil
}

// parseManifest parses the manifest of an image, and checks its bounds.
func parseManifest(raw []byte) (*v1.Manifest, error) {
	mediaType, err := mediaTypeOf(raw)
	if err != nil {
		return nil, err
	}
	if !mediaType.IsImage() {
		return nil, fmt.Errorf("%w: manifest of type %s; use an image", ErrMalformed, mediaType)
	}
	m, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%w: manifest: %w", ErrMalformed, err)
	}
	if m.Config.Size > maxConfigBytes || len(m.Layers) > maxLayers {
		return nil, fmt.Errorf("%w: config of %d bytes and %d layers; the limits are %d and %d",
			ErrMalformed, m.Config.Size, len(m.Layers), maxConfigBytes, maxLayers)
	}
	for _, l := range m.Layers {
		if l.Size < 0 || l.Size > maxLayerBytes {
			return nil, fmt.Errorf("%w: layer %s of %d bytes; the limit is %d", ErrMalformed, l.Digest, l.Size, int64(maxLayerBytes))
		}
		if l.MediaType == types.DockerForeignLayer {
			return nil, fmt.Errorf("%w: layer %s is a foreign layer, which is not in the registry", ErrMalformed, l.Digest)
		}
	}
	return m, nil
}

// mediaTypeOf returns the type that a manifest declares. The Content-Type of the response
// is ignored: the digest does not cover it. The error wraps ErrMalformed.
func mediaTypeOf(raw []byte) (types.MediaType, error) {
	if err := checkShape(raw); err != nil {
		return "", fmt.Errorf("manifest: %w", err)
	}
	var m struct {
		SchemaVersion int             `json:"schemaVersion"`
		MediaType     types.MediaType `json:"mediaType"`
		Manifests     json.RawMessage `json:"manifests"`
		Layers        json.RawMessage `json:"layers"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return "", fmt.Errorf("%w: manifest is not JSON: %w", ErrMalformed, err)
	}
	if m.SchemaVersion != 2 {
		return "", fmt.Errorf("%w: manifest has schema version %d, not 2; push the image again with a newer tool",
			ErrMalformed, m.SchemaVersion)
	}
	index, image := m.Manifests != nil, m.Layers != nil
	switch {
	case index && image, index && m.MediaType.IsImage(), image && m.MediaType.IsIndex(): // CVE-2021-41190
		return "", fmt.Errorf("%w: manifest is ambiguous: both an image and an index", ErrMalformed)
	case m.MediaType != "":
		return m.MediaType, nil
	case index:
		return types.OCIImageIndex, nil
	}
	return types.OCIManifestSchema1, nil
}

// linuxImages returns the images of an index for linux, and the names of other platforms.
func linuxImages(raw []byte) (linux []v1.Descriptor, others []string, err error) {
	index, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: index: %w", ErrMalformed, err)
	}
	for _, d := range index.Manifests {
		switch {
		case d.Platform == nil || !d.MediaType.IsImage():
		case d.Platform.OS == "linux":
			linux = append(linux, d)
		default:
			others = append(others, d.Platform.String())
		}
	}
	return linux, others, nil
}

// selectPlatform returns the first image of an index for linux and an architecture.
func selectPlatform(raw []byte, arch string) (v1.Descriptor, error) {
	linux, others, err := linuxImages(raw)
	if err != nil {
		return v1.Descriptor{}, err
	}
	var platforms []string
	for _, d := range linux {
		if d.Platform.Architecture == arch {
			return d, nil
		}
		platforms = append(platforms, d.Platform.String())
	}
	return v1.Descriptor{}, fmt.Errorf("%w for linux/%s: its index has %v; use another image or --arch",
		ErrNotFound, arch, append(platforms, others...))
}
