package attached

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/sigstore/sigstore-go/pkg/bundle"
)

// bundleType begins the media types of Sigstore bundles; a version follows
// (sigstore/protobuf-specs, sigstore_bundle.proto).
const bundleType = "application/vnd.dev.sigstore.bundle"

// emptyType is what lists have as artifact type that were made from the config's type
// alone, as go-containerregistry makes those at the fallback tag.
const emptyType = "application/vnd.oci.empty.v1+json"

// referrers returns the Sigstore bundles that refer to an image: by the registry's list,
// or by that at the tag sha256-DIGEST where the registry has none (OCI distribution
// specification 1.1, "Listing Referrers"). Who floods the list can hide signatures, so
// that the image is refused, as he could by taking them away; he cannot make one.
func referrers(image name.Digest, options []remote.Option) ([]Attachment, error) {
	list, err := remote.Referrers(image, options...)
	if err != nil {
		if err = component.Classify(err); errors.Is(err, component.ErrMalformed) {
			return []Attachment{malformed("list of referrers: %w", err)}, nil
		}
		return nil, err
	}
	index, err := list.IndexManifest()
	if err != nil {
		return []Attachment{malformed("list of referrers: %w", err)}, nil
	}
	var found []Attachment
	seen := 0
	for _, d := range index.Manifests {
		if !mayBeBundle(d) {
			continue
		}
		if full(seen, found) {
			return append(found, malformed("more than %d, or %d MiB, of referrers; only the first are looked at", MaxAttachments, maxAllBytes>>20)), nil
		}
		seen++
		bundles, err := referrer(image.Context().Digest(d.Digest.String()), d, options)
		if err != nil {
			return nil, err
		}
		found = append(found, bundles...)
	}
	return found, nil
}

func mayBeBundle(d v1.Descriptor) bool {
	return d.ArtifactType == "" || d.ArtifactType == emptyType || strings.HasPrefix(d.ArtifactType, bundleType)
}

// referrer reads the bundles of one manifest. One that only may have had some has none.
func referrer(reference name.Digest, d v1.Descriptor, options []remote.Option) ([]Attachment, error) {
	image, err := remote.Image(reference, options...)
	if err == nil {
		return bundlesIn(image, d)
	}
	a, err := blame("referrer "+d.Digest.String(), err)
	return []Attachment{a}, err
}

func bundlesIn(image v1.Image, d v1.Descriptor) ([]Attachment, error) {
	manifest, err := image.Manifest()
	if err != nil {
		return []Attachment{malformed("referrer %s: %w", d.Digest, err)}, nil
	}
	if len(manifest.Layers) != 1 || !strings.HasPrefix(string(manifest.Layers[0].MediaType), bundleType) {
		if strings.HasPrefix(d.ArtifactType, bundleType) {
			return []Attachment{malformed("referrer %s is no bundle: %s", d.Digest, layerTypes(manifest))}, nil
		}
		return nil, nil
	}
	a, err := loadBundle(image, manifest.Layers[0])
	return []Attachment{a}, err
}

func layerTypes(manifest *v1.Manifest) string {
	if len(manifest.Layers) != 1 {
		return fmt.Sprintf("it has %d layers, not one", len(manifest.Layers))
	}
	return fmt.Sprintf("its media type is %q", manifest.Layers[0].MediaType)
}

func loadBundle(image v1.Image, d v1.Descriptor) (Attachment, error) {
	layer, err := image.LayerByDigest(d.Digest)
	if err != nil {
		return malformed("bundle: %w", err), nil
	}
	text, err := read(layer, d.Size)
	if err != nil {
		return blame("bundle "+d.Digest.String(), err)
	}
	var b bundle.Bundle
	if err := b.UnmarshalJSON(text); err != nil {
		return malformed("bundle %s cannot be read: %w", d.Digest, err), nil
	}
	return Attachment{Bundle: &b, Whole: text}, nil
}
