package component

import (
	"bytes"
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// mediaTypeOf returns what a manifest says it is. What the registry calls it does not
// count: it is not under the digest, so it could be another thing the next time. The
// error wraps ErrMalformed.
func mediaTypeOf(raw []byte) (types.MediaType, error) {
	var head struct {
		SchemaVersion int             `json:"schemaVersion"`
		MediaType     types.MediaType `json:"mediaType"`
		Manifests     json.RawMessage `json:"manifests"`
		Layers        json.RawMessage `json:"layers"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return "", fmt.Errorf("%w: its manifest is not JSON: %w", ErrMalformed, err)
	}
	if head.SchemaVersion != 2 {
		return "", fmt.Errorf("%w: its manifest is of version %d, not 2; push it again with a newer tool", ErrMalformed, head.SchemaVersion)
	}
	index, image := head.Manifests != nil, head.Layers != nil
	switch {
	case index && image, index && head.MediaType.IsImage(), image && head.MediaType.IsIndex(): // CVE-2021-41190
		return "", fmt.Errorf("%w: its manifest can be read as an image and as an index", ErrMalformed)
	case head.MediaType != "":
		return head.MediaType, nil
	case index:
		return types.OCIImageIndex, nil
	}
	return types.OCIManifestSchema1, nil
}

// images returns those of an index that are for linux.
func images(raw []byte) (linux []v1.Descriptor, others []string, err error) {
	index, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: index: %w", ErrMalformed, err)
	}
	for _, d := range index.Manifests {
		switch {
		case d.Platform == nil || !d.MediaType.IsImage():
		case d.Platform.OS == "linux":
			linux = append(linux, d)
		default:
			others = append(others, d.Platform.String())
		}
	}
	return linux, others, nil
}

// choose returns the image of an index that is for linux and an architecture.
func choose(raw []byte, arch string) (v1.Descriptor, error) {
	linux, others, err := images(raw)
	if err != nil {
		return v1.Descriptor{}, err
	}
	var found []string
	for _, d := range linux {
		if d.Platform.Architecture == arch {
			return d, nil
		}
		found = append(found, d.Platform.String())
	}
	return v1.Descriptor{}, fmt.Errorf("%w: it is not made for linux/%s, only for %v; choose another image or --arch", ErrNotFound, arch, append(found, others...))
}
