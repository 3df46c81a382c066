package attached

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/sigstore/cosign/v2/pkg/oci"
	ociremote "github.com/sigstore/cosign/v2/pkg/oci/remote"
	"github.com/sigstore/cosign/v2/pkg/oci/static"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	commonpb "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	dssepb "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"google.golang.org/protobuf/encoding/protojson"
)

// tagged looks at the tag sha256-DIGEST.PLACE (cosign specs/SIGNATURE_SPEC.md and
// ATTESTATION_SPEC.md).
func tagged(image name.Digest, place Place, options []remote.Option) ([]Attachment, error) {
	access := ociremote.WithRemoteOptions(options...)
	tag, err := ociremote.SignatureTag(image, access, ociremote.WithSignatureSuffix(string(place)))
	if err != nil {
		return nil, err
	}
	stored, err := ociremote.Signatures(tag, access)
	if err != nil {
		return nil, err
	}
	layers, err := stored.Get()
	if err != nil {
		return []Attachment{malformed("%s: %w", tag.Identifier(), err)}, nil
	}
	return convertAll(layers, place == Att)
}

func convertAll(layers []oci.Signature, attestations bool) ([]Attachment, error) {
	var found []Attachment
	for i, layer := range layers {
		if full(i, found) {
			return append(found, malformed("more than %d, or %d MiB, at one tag; only the first are looked at", MaxAttachments, maxAllBytes>>20)), nil
		}
		a, err := convert(layer, attestations)
		if err != nil {
			return nil, err
		}
		found = append(found, a)
	}
	return found, nil
}

// convert makes a bundle of a layer. The error is the registry's.
func convert(layer oci.Signature, attestation bool) (Attachment, error) {
	size, err := layer.Size()
	if err != nil {
		return malformed("signature: %w", err), nil
	}
	stored, err := read(layer, size)
	if err != nil {
		return blame("signature", err)
	}
	notes, err := layer.Annotations()
	if err != nil {
		return malformed("signature: %w", err), nil
	}
	b := &bundlepb.Bundle{MediaType: bundleType + "+json;version=0.1"} // the version whose log entries need no proof
	if attestation {
		err = envelope(b, stored)
	} else {
		err = message(b, notes[static.SignatureAnnotationKey], stored)
	}
	if err == nil {
		b.VerificationMaterial, err = material(notes)
	}
	if err != nil {
		return malformed("signature: %w", err), nil
	}
	a := finish(b)
	switch {
	case a.Err != nil:
	case !attestation:
		a.Payload = stored
	default:
		a.Stamped = stored
		if a.Whole, err = whole(a.Bundle, stored); err != nil {
			return malformed("attestation: %w", err), nil
		}
	}
	return a, nil
}

// whole returns an attestation with all that says who made it: the envelope as it is stored
// or, where annotations beside it have something to add, the bundle of both. Its log entry
// proves the time to everybody; a timestamp is over the envelope (see Stamped), which in a
// bundle nobody expects.
func whole(b *bundle.Bundle, stored []byte) ([]byte, error) {
	m := b.VerificationMaterial
	if m.GetPublicKey() != nil && len(m.GetTlogEntries()) == 0 && m.GetTimestampVerificationData() == nil {
		return stored, nil
	}
	text, err := b.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = json.Compact(&out, text) // protojson's blanks are not always the same
	return out.Bytes(), err
}

// finish checks the bundle. A log entry of a kind that cannot be read is as good as none.
func finish(b *bundlepb.Bundle) Attachment {
	read, err := bundle.NewBundle(b)
	if err != nil {
		b.VerificationMaterial.TlogEntries = nil
		read, err = bundle.NewBundle(b)
	}
	if err != nil {
		return malformed("signature: %w", err)
	}
	return Attachment{Bundle: read}
}

func message(b *bundlepb.Bundle, text string, payload []byte) error {
	signature, err := base64.StdEncoding.DecodeString(text)
	sum := sha256.Sum256(payload)
	b.Content = &bundlepb.Bundle_MessageSignature{MessageSignature: &commonpb.MessageSignature{
		MessageDigest: &commonpb.HashOutput{Algorithm: commonpb.HashAlgorithm_SHA2_256, Digest: sum[:]},
		Signature:     signature,
	}}
	return err
}

func envelope(b *bundlepb.Bundle, payload []byte) error {
	var e dssepb.Envelope
	err := protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(payload, &e)
	b.Content = &bundlepb.Bundle_DsseEnvelope{DsseEnvelope: &e}
	return err
}
