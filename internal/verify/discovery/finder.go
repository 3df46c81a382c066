package discovery

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/component"
)

// Finder finds the attachments of one component. It requests each location once. It is not
// safe for concurrent use.
type Finder struct {
	component *component.Component
	found     map[key][]Attachment
}

type key struct {
	image    v1.Hash
	location Location
}

// NewFinder returns a Finder for a component.
func NewFinder(c *component.Component) *Finder {
	return &Finder{component: c, found: map[key][]Attachment{}}
}

// Digests returns the digests that a signature may cover: that of the index, and that of
// the image for the platform where it is another.
func (f *Finder) Digests() []v1.Hash {
	index, platform := f.component.IndexDigest, f.component.PlatformDigest
	if platform == index || platform == (v1.Hash{}) {
		return []v1.Hash{index}
	}
	return []v1.Hash{index, platform}
}

// Find returns the attachments of one of Digests in one location. Errors are of the kinds
// of package component.
func (f *Finder) Find(ctx context.Context, image v1.Hash, location Location) ([]Attachment, error) {
	k := key{image, location}
	if found, ok := f.found[k]; ok {
		return found, nil
	}
	reference := f.component.Repository().Digest(image.String())
	found, err := Find(ctx, reference, location, f.component.RemoteOptions())
	if err != nil {
		return nil, component.Classify(err)
	}
	f.found[k] = found
	return found, nil
}
