package verify

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/verify/attached"
)

// finder looks for what is attached to one component, and asks nothing twice.
type finder struct {
	component *component.Component
	known     map[corner][]attached.Attachment
}

type corner struct {
	image v1.Hash
	place attached.Place
}

func newFinder(c *component.Component) *finder {
	return &finder{c, map[corner][]attached.Attachment{}}
}

// images returns what a claim may be about: what the reference means, and the image for
// the platform where that is another.
func (f *finder) images() []v1.Hash {
	if f.component.PlatformDigest == f.component.IndexDigest || f.component.PlatformDigest == (v1.Hash{}) {
		return []v1.Hash{f.component.IndexDigest}
	}
	return []v1.Hash{f.component.IndexDigest, f.component.PlatformDigest}
}

func (f *finder) find(ctx context.Context, at corner) ([]attached.Attachment, error) {
	if found, ok := f.known[at]; ok {
		return found, nil
	}
	image := f.component.Repository().Digest(at.image.String())
	found, err := attached.Find(ctx, image, at.place, f.component.RemoteOptions())
	if err == nil {
		f.known[at] = found
	}
	return found, err
}
