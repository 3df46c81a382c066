package discovery

import (
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/sigstore/sigstore-go/pkg/bundle"
)

// bundleType begins the media types of Sigstore bundles; a version follows
// (sigstore/protobuf-specs, sigstore_bundle.proto).
const bundleType = "application/vnd.dev.sigstore.bundle"

// emptyType is the artifact type in lists that are made from the config's type alone, such
// as those that go-containerregistry writes to the fallback tag.
const emptyType = "application/vnd.oci.empty.v1+json"

// findReferrers returns the Sigstore bundles that refer to an image: from the referrers
// API, or from the tag sha256-DIGEST where the registry has none (OCI distribution
// specification 1.1, "Listing Referrers"). An attacker who floods the list can hide
// signatures, so that the image is refused, as by deleting them; that forges none.
func findReferrers(image name.Digest, options []remote.Option, spent *budget) ([]Attachment, error) {
	list, err := remote.Referrers(image, options...)
	if err != nil {
		return attributeTag("list of referrers", err)
	}
	index, err := list.IndexManifest()
	if err != nil {
		return []Attachment{malformed("list of referrers: %w", err)}, nil
	}
	var found []Attachment
	candidates := 0
	for _, d := range index.Manifests {
		if !mayBeBundle(d) {
			continue
		}
		if spent.reached(candidates) {
			return append(found, limitExceeded("list of referrers")), nil
		}
		candidates++
		bundles, err := readReferrer(image.Context().Digest(d.Digest.String()), d, options, spent)
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

// readReferrer reads the bundle of one manifest. A manifest without a bundle gives none,
// unless its artifact type announces one.
func readReferrer(reference name.Digest, d v1.Descriptor, options []remote.Option, spent *budget) ([]Attachment, error) {
	image, err := remote.Image(reference, options...)
	if err == nil {
		return bundlesIn(image, d, spent)
	}
	a, err := attribute("referrer "+d.Digest.String(), err)
	return []Attachment{a}, err
}

func bundlesIn(image v1.Image, d v1.Descriptor, spent *budget) ([]Attachment, error) {
	manifest, err := image.Manifest()
	if err != nil {
		return []Attachment{malformed("referrer %s: %w", d.Digest, err)}, nil
	}
	if len(manifest.Layers) != 1 || !strings.HasPrefix(string(manifest.Layers[0].MediaType), bundleType) {
		if strings.HasPrefix(d.ArtifactType, bundleType) {
			return []Attachment{malformed("referrer %s: not a bundle: %s", d.Digest, layerTypes(manifest))}, nil
		}
		return nil, nil
	}
	if err := checkLocal(manifest, manifest.Layers[0].Digest); err != nil {
		return []Attachment{malformed("referrer %s: %w", d.Digest, err)}, nil
	}
	a, err := readBundle(image, manifest.Layers[0], spent)
	return []Attachment{a}, err
}

func layerTypes(manifest *v1.Manifest) string {
	if len(manifest.Layers) != 1 {
		return fmt.Sprintf("%d layers, want 1", len(manifest.Layers))
	}
	return fmt.Sprintf("media type is %q", manifest.Layers[0].MediaType)
}

func readBundle(image v1.Image, d v1.Descriptor, spent *budget) (Attachment, error) {
	layer, err := image.LayerByDigest(d.Digest)
	if err != nil {
		return malformed("bundle: %w", err), nil
	}
	text, err := spent.readLayer(layer, d.Size)
	if err != nil {
		return attribute("bundle "+d.Digest.String(), err)
	}
	if err := checkJSON(text); err != nil {
		return malformed("bundle %s: %w", d.Digest, err), nil
	}
	var b bundle.Bundle
	if err := b.UnmarshalJSON(text); err != nil {
		return malformed("bundle %s: %w", d.Digest, err), nil
	}
	dropHints(b.Bundle)
	return Attachment{Bundle: &b}, nil
}
