package component

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/progress"
	"golang.org/x/sync/errgroup"
)

// fetchesAtOnce is as in go-containerregistry; more makes registries answer 429.
const fetchesAtOnce = 4

// Resolve finds out once what each image of the manifest is: the digest it is named by,
// else the one in the lock, else the one its tag has now. The error tells all that
// failed, each with its place, and wraps ErrNotFound, ErrUnavailable, ErrDigest,
// ErrMalformed or ErrOffline.
func Resolve(ctx context.Context, m *manifest.Manifest, arch string, registry *Registry, report progress.Reporter) (*Set, error) {
	components, err := group(m, registry)
	if err != nil {
		return nil, err
	}
	set := &Set{m, arch, components}
	if err := set.each(func(c *Component) error { return c.resolve(ctx, arch) }); err != nil {
		return nil, err
	}
	for _, c := range components {
		report.Note("%s → %s", c.Reference, c.PlatformDigest)
	}
	return set, ctx.Err()
}

// each does something with every component, side by side, and returns all errors, each
// with the place of the image, in the order of the manifest.
func (s *Set) each(do func(*Component) error) error {
	failures := make([]error, len(s.Components))
	var workers errgroup.Group
	workers.SetLimit(fetchesAtOnce)
	for i, c := range s.Components {
		workers.Go(func() error {
			if err := do(c); err != nil {
				failures[i] = c.placed(err)
			}
			return nil
		})
	}
	workers.Wait()
	return errors.Join(failures...)
}

// placed tells where the manifest names the image.
func (c *Component) placed(err error) error {
	use := c.Uses[0]
	return fmt.Errorf("%s: %s: %w", use.Place, use, err)
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
		way := &memory{next: &session{registry: registry, repository: repository}, cache: registry.Cache, name: reference.Context().Name()}
		components = append(components, &Component{Uses: []manifest.Use{use}, Reference: reference, memory: way})
	}
	return components, nil
}

func (c *Component) resolve(ctx context.Context, arch string) error {
	ctx, cancel := context.WithTimeout(ctx, AskTimeout)
	defer cancel()
	raw, err := c.root(ctx)
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
		chosen, err := choose(raw, arch)
		if err != nil {
			return err
		}
		c.PlatformDigest = chosen.Digest
		if raw, err = c.ask(ctx, "manifests", chosen.Digest.String()); err != nil {
			return err
		}
	}
	if err := c.describe(ctx, raw, arch); err != nil {
		return err
	}
	return c.agree()
}

// root returns what the reference means: an index or an image's manifest.
func (c *Component) root(ctx context.Context) ([]byte, error) {
	if pinned, ok := c.Reference.(name.Digest); ok {
		if !strings.HasPrefix(pinned.DigestStr(), "sha256:") {
			return nil, fmt.Errorf("%w: %s: only sha256 is understood", ErrMalformed, pinned.DigestStr())
		}
		return c.ask(ctx, "manifests", pinned.DigestStr())
	}
	if known, ok := c.memory.next.registry.Lock.Find(c.Reference); ok {
		c.locked = true
		raw, err := c.ask(ctx, "manifests", known.IndexDigest.String())
		if err != nil {
			return nil, fmt.Errorf("locked to %s: %w", known.IndexDigest, err)
		}
		return raw, nil
	}
	if c.memory.next.registry.Offline {
		return nil, fmt.Errorf("%w: it is not in the lock, so what its tag means cannot be known; run linuxkit-action lock with the network", ErrOffline)
	}
	return c.ask(ctx, "manifests", c.Reference.Identifier())
}

// manifestTypes are what we can read.
var manifestTypes = []types.MediaType{types.OCIImageIndex, types.DockerManifestList, types.OCIManifestSchema1, types.DockerManifestSchema2}

// ask returns a small answer of the repository: one of its manifests or (small) blobs.
// What is asked for by digest has that digest.
func (c *Component) ask(ctx context.Context, kind, identifier string) ([]byte, error) {
	request, err := c.memory.next.request(ctx, kind, identifier)
	if err != nil {
		return nil, err
	}
	for _, t := range manifestTypes {
		request.Header.Add("Accept", string(t))
	}
	response, err := (&http.Client{Transport: c.memory}).Do(request)
	if err != nil {
		return nil, Classify(err)
	}
	if err := expect(response, http.StatusOK); err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}
