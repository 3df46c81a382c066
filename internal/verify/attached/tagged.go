package attached

import (
	"crypto/sha256"
	"encoding/base64"

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
		if i == MaxAttachments {
			return append(found, malformed("more than %d at one tag; only the first are looked at", MaxAttachments)), nil
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
	payload, err := read(layer, size)
	if err != nil {
		return blame("signature", err)
	}
	notes, err := layer.Annotations()
	if err != nil {
		return malformed("signature: %w", err), nil
	}
	b := &bundlepb.Bundle{MediaType: bundleType + "+json;version=0.1"} // the version whose log entries need no proof
	if attestation {
		err = envelope(b, payload)
		payload = nil
	} else {
		err = message(b, notes[static.SignatureAnnotationKey], payload)
	}
	if err == nil {
		b.VerificationMaterial, err = material(notes)
	}
	if err != nil {
		return malformed("signature: %w", err), nil
	}
	return finish(b, payload), nil
}

// finish checks the bundle. A log entry of a kind that cannot be read is as good as none.
func finish(b *bundlepb.Bundle, payload []byte) Attachment {
	read, err := bundle.NewBundle(b)
	if err != nil {
		b.VerificationMaterial.TlogEntries = nil
		read, err = bundle.NewBundle(b)
	}
	if err != nil {
		return malformed("signature: %w", err)
	}
	return Attachment{Bundle: read, Payload: payload}
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
