package component

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/org/linuxkit-action/internal/crash"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/progress"
	"golang.org/x/sync/errgroup"
)

// maxConcurrent is how many requests run at once. It is the default of
// go-containerregistry; registries answer more with 429.
const maxConcurrent = 4

// Resolve resolves each image of the manifest once: to the digest in its reference, else
// in the lock, else to the one that its tag has now. The error joins all failures, each
// with its place in the manifest, and wraps ErrNotFound, ErrUnavailable, ErrDigest,
// ErrMalformed or ErrOffline.
func Resolve(
	ctx context.Context, m *manifest.Manifest, arch string, registry *Registry, report progress.Reporter,
) (*Set, error) {
	components, err := group(m, registry)
	if err != nil {
		return nil, err
	}
	for _, warning := range registry.unmatched(components) {
		report.Note("warning: %s", warning)
	}
	set := &Set{Manifest: m, Arch: arch, Components: components}
	if err := set.each(func(c *Component) error { return c.resolve(ctx, arch) }); err != nil {
		return nil, err
	}
	for _, c := range components {
		report.Note("%s → %s", c.Reference, c.PlatformDigest)
	}
	return set, ctx.Err()
}

// each calls do for the components concurrently. It joins the errors in the order of the
// manifest.
func (s *Set) each(do func(*Component) error) error {
	errs := make([]error, len(s.Components))
	var workers errgroup.Group
	workers.SetLimit(maxConcurrent)
	for i, c := range s.Components {
		workers.Go(func() error {
			if err := crash.Guard(func() error { return do(c) })(); err != nil {
				errs[i] = c.wrap(err)
			}
			return nil
		})
	}
	_ = workers.Wait() // the errors are in errs
	return errors.Join(errs...)
}

// wrap adds the first place in the manifest that names the image.
func (c *Component) wrap(err error) error {
	use := c.Uses[0]
	return fmt.Errorf("%s: %s: %w", use.Place, use, err)
}

// group returns one component for each distinct reference.
func group(m *manifest.Manifest, registry *Registry) ([]*Component, error) {
	if err := registry.Check(); err != nil {
		return nil, err
	}
	var components []*Component
	known := map[string]*Component{}
	for _, use := range m.Images() {
		reference, err := manifest.ParseReference(use.Image)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", use.Place, use, err)
		}
		if c, ok := known[reference.Name()]; ok {
			c.Uses = append(c.Uses, use)
			continue
		}
		transport, err := registry.transportFor(reference.Context())
		if err != nil {
			return nil, err
		}
		c := &Component{Uses: []manifest.Use{use}, Reference: reference, transport: transport}
		known[reference.Name()] = c
		components = append(components, c)
	}
	return components, nil
}

func (c *Component) resolve(ctx context.Context, arch string) error {
	ctx, cancel := context.WithTimeout(ctx, MetadataTimeout)
	defer cancel()
	raw, err := c.resolveReference(ctx)
	if err != nil {
		return err
	}
	if c.mediaType, err = mediaTypeOf(raw); err != nil {
		return err
	}
	c.raw, c.IndexDigest = raw, digestOf(raw)
	c.PlatformDigest = c.IndexDigest
	if c.onlyLayout() {
		return nil
	}
	if c.mediaType.IsIndex() {
		selected, err := selectPlatform(raw, arch)
		if err != nil {
			return err
		}
		c.PlatformDigest = selected.Digest
		if raw, err = c.get(ctx, "manifests", selected.Digest.String()); err != nil {
			return err
		}
	}
	if err := c.readImage(ctx, raw, arch); err != nil {
		return err
	}
	return c.checkLockedPlatform()
}

// resolveReference fetches the index or the image manifest that the reference names.
func (c *Component) resolveReference(ctx context.Context) ([]byte, error) {
	registry := c.transport.base.registry
	if pinned, ok := c.Reference.(name.Digest); ok {
		if !strings.HasPrefix(pinned.DigestStr(), "sha256:") {
			return nil, fmt.Errorf("%w: %s: unsupported digest algorithm; use sha256", ErrMalformed, pinned.DigestStr())
		}
		return c.get(ctx, "manifests", pinned.DigestStr())
	}
	if known, ok := registry.findLocked(c.Reference); ok {
		c.locked = true
		raw, err := c.get(ctx, "manifests", known.IndexDigest.String())
		if err != nil {
			return nil, fmt.Errorf("locked to %s: %w", known.IndexDigest, err)
		}
		return raw, nil
	}
	if registry.Offline {
		return nil, fmt.Errorf("%w: the lock has no digest for this tag; run linuxkit-action lock with network access", ErrOffline)
	}
	return c.get(ctx, "manifests", c.Reference.Identifier())
}

// manifestTypes are the accepted types of manifests.
var manifestTypes = []types.MediaType{
	types.OCIImageIndex, types.DockerManifestList, types.OCIManifestSchema1, types.DockerManifestSchema2,
}

// get fetches a manifest, or a blob that is smaller than maxResponseBytes, through the
// cache. Where the identifier is a digest, the content has that digest.
func (c *Component) get(ctx context.Context, kind, identifier string) ([]byte, error) {
	request, err := c.transport.base.newRequest(ctx, kind, identifier)
	if err != nil {
		return nil, err
	}
	for _, t := range manifestTypes {
		request.Header.Add("Accept", string(t))
	}
	response, err := (&http.Client{Transport: c.transport}).Do(request)
	if err != nil {
		return nil, Classify(err)
	}
	if err := checkStatus(response, http.StatusOK); err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}
