// Package attached finds what people have attached to an image in its registry:
// signatures and attestations, in the two layouts that are in use.
//
// cosign 2 keeps them as layers of an image at the tag sha256-DIGEST.sig or .att, with
// certificate, log entry and timestamp as annotations. cosign 3, and everybody else who
// makes Sigstore bundles, keeps each in a bundle that refers to the image (OCI 1.1).
// Either comes out as a bundle, so that there is one way to verify it. Nothing is
// verified here: an Attachment is what a stranger has put there.
package attached

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

// Bounds of what is attached to one image.
const (
	MaxAttachments = 64       // in one layout
	maxBytes       = 16 << 20 // of one bundle, payload or envelope; there are SBOMs in them
	maxAllBytes    = 32 << 20 // of those in one place, but for the last
)

// ErrMalformed is wrapped by the error of an attachment that cannot be read.
var ErrMalformed = errors.New("malformed")

// Attachment is one signature or attestation.
type Attachment struct {
	Bundle  *bundle.Bundle
	Payload []byte // what a signature in cosign 2's layout is over; nil in a bundle
	Stamped []byte // what timestamps may be over but the signature: cosign 2 has the whole of an attestation stamped
	Whole   []byte // of an attestation, or a bundle: what can be kept as a file, and verified again
	Err     error  // why it cannot be read, or nil; wraps ErrMalformed
}

// Place is where attachments to an image are kept.
type Place string

// The places, as the names of what is there.
const (
	Sig       Place = "sig" // cosign 2's signatures
	Att       Place = "att" // cosign 2's attestations
	Referring Place = "referrers"
)

// Signatures lists the places where signatures may be, the usual one first, and
// Attestations those where attestations may be.
var (
	Signatures   = []Place{Sig, Referring}
	Attestations = []Place{Att, Referring}
)

// Find returns what is attached to an image in one place. There may be nothing. The
// error is that of a registry which cannot be asked.
func Find(ctx context.Context, image name.Digest, place Place, options []remote.Option) ([]Attachment, error) {
	options = append(options, remote.WithContext(ctx))
	if place == Referring {
		return referrers(image, options)
	}
	return tagged(image, place, options)
}

// blame returns a fault as that of the attachment if it is: bytes that are not there, or
// not what they should be. Otherwise the registry could not be asked, and the error is
// returned.
func blame(what string, err error) (Attachment, error) {
	err = component.Classify(err)
	for _, kind := range []error{ErrMalformed, component.ErrMalformed, component.ErrDigest, component.ErrNotFound} {
		if errors.Is(err, kind) {
			return malformed("%s: %w", what, err), nil
		}
	}
	return Attachment{}, err
}

// full reports whether after a number of attachments more would be too many, or too much.
func full(number int, found []Attachment) bool {
	bytes := 0
	for _, a := range found {
		bytes += len(a.Payload) + len(a.Whole)
	}
	return number >= MaxAttachments || bytes > maxAllBytes
}

func malformed(format string, args ...any) Attachment {
	return Attachment{Err: fmt.Errorf("%w %w", ErrMalformed, fmt.Errorf(format, args...))}
}

// read reads a small layer, whose digest is checked on the way.
func read(layer v1.Layer, size int64) ([]byte, error) {
	if size > maxBytes {
		return nil, fmt.Errorf("%w: it has %d bytes; %d are allowed", ErrMalformed, size, maxBytes)
	}
	r, err := layer.Compressed() // that is: as it is stored
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, maxBytes+1))
}
