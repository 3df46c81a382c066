package discovery

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/sigstore/cosign/v2/pkg/oci"
	ociremote "github.com/sigstore/cosign/v2/pkg/oci/remote"
	"github.com/sigstore/cosign/v2/pkg/oci/static"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	commonpb "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	dssepb "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"google.golang.org/protobuf/encoding/protojson"
)

// findTag returns the attachments at the tag sha256-DIGEST.LOCATION (cosign
// specs/SIGNATURE_SPEC.md and ATTESTATION_SPEC.md).
func findTag(image name.Digest, location Location, options []remote.Option, spent *budget) ([]Attachment, error) {
	access := ociremote.WithRemoteOptions(options...)
	tag, err := ociremote.SignatureTag(image, access, ociremote.WithSignatureSuffix(string(location)))
	if err != nil {
		return nil, err
	}
	stored, err := ociremote.Signatures(tag, access)
	if err != nil {
		return attributeTag(tag.Identifier(), err)
	}
	manifest, err := stored.Manifest()
	if err != nil {
		return []Attachment{malformed("%s: %w", tag.Identifier(), err)}, nil
	}
	layers, err := stored.Get() // in the order of the manifest
	if err != nil {
		return []Attachment{malformed("%s: %w", tag.Identifier(), err)}, nil
	}
	var found []Attachment
	for i, layer := range layers {
		if spent.reached(i) {
			return append(found, limitExceeded("tag "+tag.Identifier())), nil
		}
		if err := checkLocal(manifest, manifest.Layers[i].Digest); err != nil {
			found = append(found, malformed("signature: %w", err))
			continue
		}
		a, err := convert(layer, location == AttestationTag, spent)
		if err != nil {
			return nil, err
		}
		found = append(found, a)
	}
	return found, nil
}

// attributeTag returns one malformed Attachment for a tag that is no image, such as an
// index or a manifest of schema 1. A registry that denies access to the tag is an error.
func attributeTag(tag string, err error) ([]Attachment, error) {
	if err = component.Classify(err); errors.Is(err, component.ErrNotFound) {
		return nil, err
	}
	a, err := attribute(tag, err)
	if err != nil {
		return nil, err
	}
	return []Attachment{a}, nil
}

// convert makes a bundle of a layer. An error is one of the registry.
func convert(layer oci.Signature, attestation bool, spent *budget) (Attachment, error) {
	size, err := layer.Size()
	if err != nil {
		return malformed("signature: %w", err), nil
	}
	content, err := spent.readLayer(layer, size)
	if err != nil {
		return attribute("signature", err)
	}
	annotations, err := layer.Annotations()
	if err != nil {
		return malformed("signature: %w", err), nil
	}
	if err := checkJSON(content); err != nil {
		return malformed("signature: %w", err), nil
	}
	b := &bundlepb.Bundle{MediaType: bundleType + "+json;version=0.1"} // 0.1 needs no inclusion proof
	if attestation {
		err = setEnvelope(b, content)
	} else {
		err = setMessage(b, annotations[static.SignatureAnnotationKey], content)
	}
	if err == nil {
		b.VerificationMaterial, err = verificationMaterial(annotations)
	}
	if err != nil {
		return malformed("signature: %w", err), nil
	}
	return finish(b, content, attestation), nil
}

// finish validates the bundle and keeps the stored content. It drops log entries that
// cannot be decoded.
func finish(b *bundlepb.Bundle, content []byte, attestation bool) Attachment {
	valid, err := bundle.NewBundle(b)
	if err != nil {
		b.VerificationMaterial.TlogEntries = nil
		valid, err = bundle.NewBundle(b)
	}
	if err != nil {
		return malformed("signature: %w", err)
	}
	dropHints(valid.Bundle)
	a := Attachment{Bundle: valid, inTag: true}
	switch {
	case !attestation:
		a.Payload = content
	case b.VerificationMaterial.TimestampVerificationData != nil:
		a.TimestampedData = content
	}
	return a
}

// dropHints removes the names of keys, which no signature covers: a verifier would skip an
// envelope whose hint is another than its own.
func dropHints(b *bundlepb.Bundle) {
	for _, s := range b.GetDsseEnvelope().GetSignatures() {
		s.Keyid = ""
	}
}

func setMessage(b *bundlepb.Bundle, signature string, payload []byte) error {
	decoded, err := base64.StdEncoding.DecodeString(signature)
	sum := sha256.Sum256(payload)
	b.Content = &bundlepb.Bundle_MessageSignature{MessageSignature: &commonpb.MessageSignature{
		MessageDigest: &commonpb.HashOutput{Algorithm: commonpb.HashAlgorithm_SHA2_256, Digest: sum[:]},
		Signature:     decoded,
	}}
	return err
}

func setEnvelope(b *bundlepb.Bundle, content []byte) error {
	var e dssepb.Envelope
	err := protojson.Unmarshal(content, &e)
	b.Content = &bundlepb.Bundle_DsseEnvelope{DsseEnvelope: &e}
	return err
}
