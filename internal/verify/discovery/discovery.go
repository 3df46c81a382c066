// Package discovery finds the signatures and attestations that are attached to an image in
// its registry, in the two layouts that are in use.
//
// cosign 2 stores them as layers of an image at the tag sha256-DIGEST.sig or .att, with
// certificate, log entry and timestamp as annotations. cosign 3 and other Sigstore clients
// store each as a bundle that refers to the image (OCI 1.1 referrers). Both are returned as
// bundles, so that one verifier serves both. Nothing is verified here: anyone with write
// access to the registry can attach anything. Count and size are bounded.
package discovery

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/sigstore/sigstore-go/pkg/bundle"
)

// Limits for the attachments of one image.
const (
	MaxAttachments = 64       // in one location
	maxBytes       = 16 << 20 // of one bundle, payload or envelope; an SBOM has megabytes
	maxTotalBytes  = 48 << 20 // of one component, before the last attachment
)

// ErrMalformed is wrapped by the error of an attachment that cannot be decoded.
var ErrMalformed = errors.New("malformed")

// Attachment is one signature or attestation.
type Attachment struct {
	Bundle *bundle.Bundle

	// Payload is the simple signing payload that a signature of cosign 2 covers (cosign
	// specs/SIGNATURE_SPEC.md). It is nil for an attestation and for a bundle.
	Payload []byte

	// TimestampedData is what timestamps may cover instead of the signature: cosign 2
	// timestamps the whole envelope of an attestation. It is nil for a bundle.
	TimestampedData []byte

	inTag bool // in the layout of cosign 2

	Err error // why it cannot be decoded, or nil; wraps ErrMalformed
}

// Location is where attachments of an image are stored.
type Location string

// The locations. A tag is that of cosign 2, after sha256-DIGEST.
const (
	SignatureTag   Location = "sig"
	AttestationTag Location = "att"
	Referrers      Location = "referrers"
)

// The locations of signatures and of attestations, the more common first.
var (
	SignatureLocations   = []Location{SignatureTag, Referrers}
	AttestationLocations = []Location{AttestationTag, Referrers}
)

// Find returns the attachments of an image in one location, if there are any. An error is
// one of the registry; a malformed attachment has its own.
func Find(ctx context.Context, image name.Digest, location Location, options []remote.Option) ([]Attachment, error) {
	return find(ctx, image, location, options, &budget{})
}

func find(
	ctx context.Context, image name.Digest, location Location, options []remote.Option, spent *budget,
) ([]Attachment, error) {
	options = append(options, remote.WithContext(ctx))
	if location == Referrers {
		return findReferrers(image, options, spent)
	}
	return findTag(image, location, options, spent)
}

// outages are the errors that say nothing about an attachment.
var outages = []error{
	component.ErrUnavailable, component.ErrOffline, component.ErrCertificates, context.Canceled, context.DeadlineExceeded,
}

// attribute returns the error if the registry failed. Every other error is about one
// attachment, which it returns as malformed: its bytes are missing, or not what they
// should be, or of a kind that the client does not read.
func attribute(what string, err error) (Attachment, error) {
	err = component.Classify(err)
	for _, outage := range outages {
		if errors.Is(err, outage) {
			return Attachment{}, err
		}
	}
	return malformed("%s: %w", what, err), nil
}

// budget is the bytes of the attachments that are read for one component. The run checks
// few components at the same time, so this bounds the memory of the run.
type budget struct{ bytes int }

// reached reports whether one more attachment, after n in its location, would exceed a
// limit.
func (b *budget) reached(n int) bool { return n >= MaxAttachments || b.bytes > maxTotalBytes }

// limitExceeded stands for the attachments that are not read.
func limitExceeded(where string) Attachment {
	return malformed("%s: more than %d attachments, or %d MiB; the rest are ignored", where, MaxAttachments, maxTotalBytes>>20)
}

func malformed(format string, args ...any) Attachment {
	return Attachment{Err: fmt.Errorf("%w %w", ErrMalformed, fmt.Errorf(format, args...))}
}

// checkLocal rejects foreign layers (OCI image specification, "urls"): an attachment is
// read from the registry of its image and from nowhere else.
func checkLocal(manifest *v1.Manifest, digest v1.Hash) error {
	for _, d := range manifest.Layers {
		if d.Digest == digest && len(d.URLs) > 0 {
			return fmt.Errorf("layer %s: stored outside the registry (urls)", digest)
		}
	}
	return nil
}

// readLayer reads a layer as it is stored, and checks its digest.
func (b *budget) readLayer(layer v1.Layer, size int64) ([]byte, error) {
	if size > maxBytes {
		return nil, fmt.Errorf("%d bytes exceed the limit of %d", size, maxBytes)
	}
	r, err := layer.Compressed()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	content, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	b.bytes += len(content)
	return content, err
}
