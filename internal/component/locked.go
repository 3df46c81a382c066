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

// driftTimeout bounds the question whether a tag has moved: nothing hangs on the answer.
const driftTimeout = 15 * time.Second

// Lock returns what each image was resolved to, signers excepted, and lets every
// component count as pinned.
func (s *Set) Lock() (*lock.Lock, error) {
	l := lock.New()
	for _, c := range s.Components {
		platforms, err := c.platforms()
		if err != nil {
			return nil, c.placed(err)
		}
		c.locked = true
		l.Images[c.Canonical()] = lock.Image{IndexDigest: lock.Digest{Hash: c.IndexDigest}, Platforms: platforms}
	}
	return l, nil
}

// Canonical returns the name of the image in records.
func (c *Component) Canonical() string { return manifest.Canonical(c.Uses[0].Image) }

// platforms returns the images for linux. Of several for one platform the first counts,
// as in choose.
func (c *Component) platforms() (map[string]lock.Digest, error) {
	found := map[string]lock.Digest{}
	if !c.mediaType.IsIndex() {
		if c.Config != nil {
			found[platformOf(c.Config)] = lock.Digest{Hash: c.PlatformDigest}
		}
		return found, nil
	}
	linux, _, err := images(c.raw)
	for _, d := range linux {
		key := plain(d.Platform)
		if _, twice := found[key]; !twice {
			found[key] = lock.Digest{Hash: d.Digest}
		}
	}
	return found, err
}

func platformOf(config *v1.ConfigFile) string {
	return plain(&v1.Platform{Architecture: config.Architecture, Variant: config.Variant})
}

// plain writes a platform of linux without what only Windows has.
func plain(p *v1.Platform) string {
	return v1.Platform{OS: "linux", Architecture: p.Architecture, Variant: p.Variant}.String()
}

// agree holds the image that was chosen against the lock: people review what that says
// of the platforms, so it must be true.
func (c *Component) agree() error {
	known, _ := c.memory.next.registry.Lock.Find(c.Reference)
	if !c.locked || len(known.Platforms) == 0 {
		return nil
	}
	for _, digest := range known.Platforms {
		if digest.Hash == c.PlatformDigest {
			return nil
		}
	}
	return fmt.Errorf("%w: the lock does not know %s, which %s has for this architecture; run linuxkit-action lock", ErrDigest, c.PlatformDigest, c.IndexDigest)
}

// Unlocked tells, each with its place, the images that are neither in the lock nor named
// by digest.
func (s *Set) Unlocked() error {
	var missing []error
	for _, c := range s.Components {
		if !c.Pinned() {
			missing = append(missing, c.placed(errors.New("not locked; run linuxkit-action lock")))
		}
	}
	return errors.Join(missing...)
}

// Drift asks where the locked tags point now. The error tells, each with its place, those
// that have moved, and those of which it cannot be known.
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
	now, err := remote.Head(c.Repository().Tag(tag.TagStr()), append(c.RemoteOptions(), remote.WithContext(ctx))...)
	if err != nil {
		return fmt.Errorf("cannot tell whether the tag has moved since it was locked: %w", Classify(err))
	}
	if now.Digest == c.IndexDigest {
		return nil
	}
	return fmt.Errorf("the tag has moved: it is %s now, and locked to %s; run linuxkit-action lock --update %s", now.Digest, c.IndexDigest, c.Canonical())
}
