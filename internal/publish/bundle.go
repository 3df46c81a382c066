package publish

import (
	"bytes"
	"context"
	"encoding/json"

	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	commonpb "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// bundleType is the media type of a Sigstore bundle (sigstore/protobuf-specs,
// sigstore_bundle.proto).
const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// bundle signs a file whose SHA-256 is given, and returns the bundle as JSON. The digest is
// in it for every kind of key: cosign 3 takes no bundle without.
func (s *Signer) bundle(ctx context.Context, path string, digest []byte) ([]byte, error) {
	signed, err := s.sign(ctx, path, digest)
	if err != nil {
		return nil, err
	}
	return marshal(&bundlepb.Bundle{
		MediaType: bundleType,
		VerificationMaterial: &bundlepb.VerificationMaterial{
			Content: &bundlepb.VerificationMaterial_PublicKey{PublicKey: &commonpb.PublicKeyIdentifier{Hint: s.hint}},
		},
		Content: &bundlepb.Bundle_MessageSignature{MessageSignature: &commonpb.MessageSignature{
			MessageDigest: &commonpb.HashOutput{Algorithm: commonpb.HashAlgorithm_SHA2_256, Digest: digest},
			Signature:     signed,
		}},
	})
}

// marshal writes JSON whose white space is always the same, which protojson's is not.
func marshal(b *bundlepb.Bundle) ([]byte, error) {
	raw, err := protojson.Marshal(b)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		return nil, err
	}
	return append(out.Bytes(), '\n'), nil
}
