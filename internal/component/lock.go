package component

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/org/linuxkit-action/internal/component/lock"
	"github.com/org/linuxkit-action/internal/manifest"
)

// driftTimeout bounds Drift, whose result is only a warning.
const driftTimeout = 15 * time.Second

// Lock returns a lock with the digests of every image, without signers. From then on every
// component is Pinned.
func (s *Set) Lock() (*lock.Lock, error) {
	l := lock.New()
	for _, c := range s.Components {
		platforms, err := c.platformDigests()
		if err != nil {
			return nil, c.wrap(err)
		}
		c.locked = true
		l.Images[c.Canonical()] = lock.Image{IndexDigest: lock.Digest{Hash: c.IndexDigest}, Platforms: platforms}
	}
	return l, nil
}

// Canonical returns the name of the image in lock files and reports.
func (c *Component) Canonical() string { return manifest.Canonical(c.Uses[0].Image) }

// platformDigests returns the images for linux by platform. Of several for one platform
// the first counts, as in selectPlatform.
func (c *Component) platformDigests() (map[string]lock.Digest, error) {
	digests := map[string]lock.Digest{}
	if !c.mediaType.IsIndex() {
		if c.Config != nil {
			digests[linuxPlatform(c.Config.Architecture, c.Config.Variant)] = lock.Digest{Hash: c.PlatformDigest}
		}
		return digests, nil
	}
	images, _, err := linuxImages(c.raw)
	for _, d := range images {
		key := linuxPlatform(d.Platform.Architecture, d.Platform.Variant)
		if _, exists := digests[key]; !exists {
			digests[key] = lock.Digest{Hash: d.Digest}
		}
	}
	return digests, err
}

// linuxPlatform formats a platform without the fields that only Windows uses.
func linuxPlatform(arch, variant string) string {
	return v1.Platform{OS: "linux", Architecture: arch, Variant: variant}.String()
}

// checkLockedPlatform checks the selected image against the platforms in the lock. People
// review those, so they must be true.
func (c *Component) checkLockedPlatform() error {
	known, _ := c.transport.base.registry.findLocked(c.Reference)
	if !c.locked || len(known.Platforms) == 0 {
		return nil
	}
	for _, digest := range known.Platforms {
		if digest.Hash == c.PlatformDigest {
			return nil
		}
	}
	return fmt.Errorf("%w: the lock has no platform with %s, which is in %s; run linuxkit-action lock",
		ErrDigest, c.PlatformDigest, c.IndexDigest)
}

// Unlocked returns an error for each image that neither the lock nor its reference pins to
// a digest.
func (s *Set) Unlocked() error {
	var errs []error
	for _, c := range s.Components {
		if !c.Pinned() {
			errs = append(errs, c.wrap(errors.New("not locked; run linuxkit-action lock")))
		}
	}
	return errors.Join(errs...)
}

// Drift returns an error for each locked tag that now points to another digest, or that
// the registry could not be asked about.
func (s *Set) Drift(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, driftTimeout)
	defer cancel()
	return s.each(func(c *Component) error { return c.drift(ctx) })
}

func (c *Component) drift(ctx context.Context) error {
	tag, ok := c.Reference.(name.Tag)
	if !ok || !c.locked {
		return nil
	}
	head, err := remote.Head(c.Repository().Tag(tag.TagStr()), append(c.RemoteOptions(), remote.WithContext(ctx))...)
	if err != nil {
		return fmt.Errorf("cannot check whether the tag has moved: %w", Classify(err))
	}
	if head.Digest == c.IndexDigest {
		return nil
	}
	return fmt.Errorf("tag has moved: locked to %s, now %s; run linuxkit-action lock --update %s",
		c.IndexDigest, head.Digest, c.Canonical())
}
