package discovery

import (
	"context"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/markup"
)

// Finder finds the attachments of one component. It requests each location once. It is not
// safe for concurrent use.
type Finder struct {
	component *component.Component
	found     map[key][]Attachment
	spent     budget
}

type key struct {
	image    v1.Hash
	location Location
}

// NewFinder returns a Finder for a component.
func NewFinder(c *component.Component) *Finder {
	return &Finder{component: c, found: map[key][]Attachment{}}
}

// Digests returns the digests that a signature may cover. Each covers every byte that the
// component puts into the system: the index or, where it is another and no use takes more
// than that, the image for the platform. A volume of format oci takes the whole index.
func (f *Finder) Digests() []v1.Hash {
	index, platform := f.component.IndexDigest, f.component.PlatformDigest
	if platform == index || platform == (v1.Hash{}) || f.component.HasLayout() {
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
	found, err := find(ctx, reference, location, f.component.RemoteOptions(), &f.spent)
	if err != nil {
		return nil, component.Classify(err)
	}
	f.found[k] = found
	return found, nil
}

// Malformed returns why attachments cannot be decoded, sorted, each reason once.
func (f *Finder) Malformed() []string {
	var reasons []string
	for _, attachments := range f.found {
		for _, a := range attachments {
			if a.Err != nil {
				reasons = append(reasons, markup.Line(a.Err.Error()))
			}
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(reasons)))
}
