package component

import (
	"bytes"
	"context"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Bounds of what an image may say of itself before anything is verified.
const (
	maxConfigBytes = 4 << 20
	maxLayers      = 500 // Docker stops at 127
	maxLayerBytes  = 8 << 30
)

// describe reads the manifest and the config, and checks their bounds.
func (c *Component) describe(ctx context.Context, raw []byte, arch string) error {
	m, err := parseManifest(raw)
	if err != nil {
		return err
	}
	text, err := c.ask(ctx, "blobs", m.Config.Digest.String())
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	if err := check(bytes.NewReader(text), m.Config); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	config, err := v1.ParseConfigFile(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%w: config: %w", ErrMalformed, err)
	}
	if len(config.RootFS.DiffIDs) != len(m.Layers) {
		return fmt.Errorf("%w: %d layers, but %d diff ids in its config", ErrMalformed, len(m.Layers), len(config.RootFS.DiffIDs))
	}
	if config.Architecture != "" && config.Architecture != arch {
		return fmt.Errorf("%w: it is made for %s/%s, not for linux/%s; choose another image or --arch", ErrNotFound, config.OS, config.Architecture, arch)
	}
	c.Manifest, c.Config = m, config
	return nil
}

// parseManifest reads the manifest of an image, and checks its bounds.
func parseManifest(raw []byte) (*v1.Manifest, error) {
	kind, err := mediaTypeOf(raw)
	if err != nil {
		return nil, err
	}
	if !kind.IsImage() {
		return nil, fmt.Errorf("%w: its manifest is a %s, not an image", ErrMalformed, kind)
	}
	m, err := v1.ParseManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%w: manifest: %w", ErrMalformed, err)
	}
	if m.Config.Size > maxConfigBytes || len(m.Layers) > maxLayers {
		return nil, fmt.Errorf("%w: config of %d bytes, %d layers", ErrMalformed, m.Config.Size, len(m.Layers))
	}
	for _, l := range m.Layers {
		if l.Size < 0 || l.Size > maxLayerBytes {
			return nil, fmt.Errorf("%w: layer %s says it has %d bytes; the most is %d", ErrMalformed, l.Digest, l.Size, int64(maxLayerBytes))
		}
		if l.MediaType == types.DockerForeignLayer {
			return nil, fmt.Errorf("%w: layer %s lies outside the registry", ErrMalformed, l.Digest)
		}
	}
	return m, nil
}
