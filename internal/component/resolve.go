package component

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/progress"
	"golang.org/x/sync/errgroup"
)

// Bounds of what a registry may send before anything is verified.
const (
	fetchesAtOnce  = 4 // as go-containerregistry; more makes registries answer 429
	maxConfigBytes = 4 << 20
	maxLayers      = 500 // Docker stops at 127
	maxLayerBytes  = 8 << 30
)

// Resolve asks for every image of the manifest once. The error tells all that
// failed, each with its place, and wraps ErrNotFound, ErrUnavailable, ErrDigest or
// ErrMalformed.
func Resolve(ctx context.Context, m *manifest.Manifest, arch string, registry *Registry, report progress.Reporter) (*Set, error) {
	components, err := group(m, registry)
	if err != nil {
		return nil, err
	}
	failures := make([]error, len(components))
	var workers errgroup.Group
	workers.SetLimit(fetchesAtOnce)
	for i, c := range components {
		workers.Go(func() error {
			if err := c.resolve(ctx, arch); err != nil {
				use := c.Uses[0]
				failures[i] = fmt.Errorf("%s: %s: %w", use.Place, use, err)
			}
			return nil
		})
	}
	workers.Wait()
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	for _, c := range components {
		report.Note("%s → %s", c.Reference, c.Digest)
	}
	return &Set{m, arch, components}, ctx.Err()
}

// group makes one component for each image, however many entries use it.
func group(m *manifest.Manifest, registry *Registry) ([]*Component, error) {
	var components []*Component
	for _, use := range m.Images() {
		reference, err := manifest.ParseReference(use.Image)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", use.Place, use, err)
		}
		i := slices.IndexFunc(components, func(c *Component) bool { return c.Reference.Name() == reference.Name() })
		if i >= 0 {
			components[i].Uses = append(components[i].Uses, use)
			continue
		}
		repository, err := registry.locate(reference.Context())
		if err != nil {
			return nil, err
		}
		components = append(components, &Component{Uses: []manifest.Use{use}, Reference: reference, repository: repository, registry: registry})
	}
	return components, nil
}

// source is the reference in the repository that is really asked.
func (c *Component) source() name.Reference {
	if digest, ok := c.Reference.(name.Digest); ok {
		return c.repository.Digest(digest.DigestStr())
	}
	return c.repository.Tag(c.Reference.Identifier())
}

func (c *Component) resolve(ctx context.Context, arch string) error {
	ctx, cancel := context.WithTimeout(ctx, AskTimeout)
	defer cancel()
	options := append(c.registry.options(), remote.WithContext(ctx))
	found, err := remote.Get(c.source(), options...)
	if err != nil {
		return Classify(err)
	}
	c.Root, c.Digest = found.Digest, found.Digest
	c.raw, c.mediaType = found.Manifest, found.MediaType
	if c.onlyLayout() {
		return nil
	}
	if found.MediaType.IsIndex() {
		if c.Digest, err = choose(found, arch); err != nil {
			return err
		}
	}
	image, err := remote.Image(c.repository.Digest(c.Digest.String()), options...)
	if err != nil {
		return Classify(err)
	}
	return c.describe(image, arch)
}

// choose returns the image of an index that is for linux and an architecture.
func choose(found *remote.Descriptor, arch string) (v1.Hash, error) {
	index, err := found.ImageIndex()
	if err != nil {
		return v1.Hash{}, Classify(err)
	}
	list, err := index.IndexManifest()
	if err != nil {
		return v1.Hash{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var others []string
	for _, d := range list.Manifests {
		if d.Platform == nil || !d.MediaType.IsImage() {
			continue
		}
		if d.Platform.OS == "linux" && d.Platform.Architecture == arch {
			return d.Digest, nil
		}
		others = append(others, d.Platform.String())
	}
	return v1.Hash{}, fmt.Errorf("%w: it is not made for linux/%s, only for %v; choose another image or --arch", ErrNotFound, arch, others)
}

// describe reads the manifest and the config, and checks their bounds.
func (c *Component) describe(image v1.Image, arch string) error {
	m, err := image.Manifest()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := checkManifest(m); err != nil {
		return err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return Classify(fmt.Errorf("%w: config: %w", ErrDigest, err))
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

func checkManifest(m *v1.Manifest) error {
	if m.MediaType != "" && !m.MediaType.IsImage() {
		return fmt.Errorf("%w: its manifest is a %s, not an image", ErrMalformed, m.MediaType)
	}
	if m.Config.Size > maxConfigBytes || len(m.Layers) > maxLayers {
		return fmt.Errorf("%w: config of %d bytes, %d layers", ErrMalformed, m.Config.Size, len(m.Layers))
	}
	for _, l := range m.Layers {
		if l.Size < 0 || l.Size > maxLayerBytes {
			return fmt.Errorf("%w: layer %s says it has %d bytes; the most is %d", ErrMalformed, l.Digest, l.Size, int64(maxLayerBytes))
		}
		if l.MediaType == types.DockerForeignLayer {
			return fmt.Errorf("%w: layer %s lies outside the registry", ErrMalformed, l.Digest)
		}
	}
	return nil
}
