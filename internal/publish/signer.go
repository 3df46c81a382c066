package publish

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"

	cosignsig "github.com/sigstore/cosign/v2/pkg/signature"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	commonpb "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"google.golang.org/protobuf/encoding/protojson"
)

// bundleType is the media type of a Sigstore bundle (sigstore/protobuf-specs,
// sigstore_bundle.proto).
const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// Signer signs files with a cosign key.
type Signer struct {
	signer signature.Signer
	hint   string
}

// LoadKey opens a cosign key: a file, env://VARIABLE, or a KMS reference. The
// password of an encrypted key is $COSIGN_PASSWORD.
func LoadKey(ctx context.Context, reference string) (*Signer, error) {
	password := func(bool) ([]byte, error) { return []byte(os.Getenv("COSIGN_PASSWORD")), nil }
	key, err := cosignsig.SignerVerifierFromKeyRef(ctx, reference, password, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: key %s: %w; is COSIGN_PASSWORD set?", ErrPublish, reference, err)
	}
	public, err := key.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("%w: key %s: %w", ErrPublish, reference, err)
	}
	hint, err := keyHint(public)
	return &Signer{key, hint}, err
}

// keyHint names the key in a bundle: the SHA-256 of its DER form, in base64.
func keyHint(public crypto.PublicKey) (string, error) {
	der, err := cryptoutils.MarshalPublicKeyToDER(public)
	sum := sha256.Sum256(der)
	return base64.StdEncoding.EncodeToString(sum[:]), err
}

// bundle signs a file and returns the bundle as JSON. The file is streamed.
func (s *Signer) bundle(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	hash := sha256.New()
	sig, err := s.signer.SignMessage(io.TeeReader(f, hash))
	if err != nil {
		return nil, err
	}
	return marshal(&bundlepb.Bundle{
		MediaType: bundleType,
		VerificationMaterial: &bundlepb.VerificationMaterial{
			Content: &bundlepb.VerificationMaterial_PublicKey{PublicKey: &commonpb.PublicKeyIdentifier{Hint: s.hint}},
		},
		Content: &bundlepb.Bundle_MessageSignature{MessageSignature: &commonpb.MessageSignature{
			MessageDigest: &commonpb.HashOutput{Algorithm: commonpb.HashAlgorithm_SHA2_256, Digest: hash.Sum(nil)},
			Signature:     sig,
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
