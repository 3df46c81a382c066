package publish

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"

	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/sigstore"
	"github.com/org/linuxkit-action/internal/workspace"
	cosignsig "github.com/sigstore/cosign/v2/pkg/signature"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	commonpb "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"
)

// Key signs files with a cosign key, so that `cosign verify-blob` accepts them without
// options: the SHA-256 of the file with every curve, and the whole file with Ed25519.
// (cosign sign-blob uses SHA-384 with P-384, which its own verify-blob rejects.)
type Key struct {
	reference string
	private   signature.Signer
	public    signature.Verifier
	hint      string
}

// LoadKey opens a cosign key: a file, env://VARIABLE, or a KMS reference. The password of
// an encrypted key is $COSIGN_PASSWORD.
//
// Errors wrap ErrPublish, and component.ErrUnavailable where a key service may answer
// later. A key service has 30 seconds to answer.
func LoadKey(ctx context.Context, reference string) (*Key, error) {
	k := &Key{reference: reference}
	pair, err := sigstore.CallKeyService(ctx, k.open)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPublish, k.wrap(err))
	}
	if err := k.use(pair); err != nil {
		return nil, fmt.Errorf("%w: key %s: %w", ErrPublish, reference, err)
	}
	return k, nil
}

// Sign implements Signer.
func (k *Key) Sign(ctx context.Context, path string, digest []byte) (*bundlepb.Bundle, error) {
	signed, err := k.sign(ctx, path, digest)
	if err != nil {
		return nil, err
	}
	key := &commonpb.PublicKeyIdentifier{Hint: k.hint}
	return &bundlepb.Bundle{
		MediaType:            bundleType,
		VerificationMaterial: &bundlepb.VerificationMaterial{Content: &bundlepb.VerificationMaterial_PublicKey{PublicKey: key}},
		Content: &bundlepb.Bundle_MessageSignature{MessageSignature: &commonpb.MessageSignature{
			// cosign 3 rejects a bundle without a digest, whatever the key is.
			MessageDigest: &commonpb.HashOutput{Algorithm: commonpb.HashAlgorithm_SHA2_256, Digest: digest},
			Signature:     signed,
		}},
	}, nil
}

// keyPair is the private half of a key as a signer, and its public half.
type keyPair struct {
	private signature.Signer
	public  crypto.PublicKey
}

func (k *Key) open(ctx context.Context) (keyPair, error) {
	password := func(bool) ([]byte, error) { return []byte(os.Getenv("COSIGN_PASSWORD")), nil }
	pure := []signature.LoadOption{} // the default is Ed25519ph, for Rekor
	private, err := cosignsig.SignerVerifierFromKeyRef(ctx, k.reference, password, &pure)
	if err != nil {
		return keyPair{}, err
	}
	public, err := private.PublicKey(options.WithContext(ctx))
	return keyPair{private, public}, err
}

// use sets the key pair, unless cosign would reject its signatures.
func (k *Key) use(pair keyPair) (err error) {
	k.private = pair.private
	if _, isEd25519 := pair.public.(ed25519.PublicKey); isEd25519 && !k.signsWholeFile() {
		return errors.New("a key service signs a digest with Ed25519, and cosign verifies the whole file; " +
			"use an ECDSA P-256 key, or an Ed25519 key in a file")
	}
	if k.public, err = signature.LoadVerifier(pair.public, crypto.SHA256); err != nil {
		return err
	}
	k.hint, err = keyHint(pair.public)
	return err
}

// signsWholeFile reports whether the key signs the file and not its digest: an Ed25519 key
// that is not held by a service.
func (k *Key) signsWholeFile() bool {
	_, ok := k.private.(*signature.ED25519SignerVerifier)
	return ok
}

// keyHint identifies the key in a bundle: the SHA-256 of its DER form, in base64.
func keyHint(public crypto.PublicKey) (string, error) {
	der, err := cryptoutils.MarshalPublicKeyToDER(public)
	sum := sha256.Sum256(der)
	return base64.StdEncoding.EncodeToString(sum[:]), err
}

// sign returns the signature of a file whose SHA-256 is given. With Ed25519 it reads the
// whole file into memory, twice (and cosign does three times to verify it).
func (k *Key) sign(ctx context.Context, path string, digest []byte) ([]byte, error) {
	if k.signsWholeFile() {
		f, err := workspace.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return k.private.SignMessage(f)
	}
	signed, err := sigstore.CallKeyService(ctx, func(ctx context.Context) ([]byte, error) {
		sha256 := options.WithCryptoSignerOpts(crypto.SHA256)
		return k.private.SignMessage(nil, options.WithContext(ctx), options.WithDigest(digest), sha256)
	})
	if err != nil {
		return nil, k.wrap(err)
	}
	// The service may have rotated the key since it was loaded, or use another padding.
	if err := k.public.VerifySignature(bytes.NewReader(signed), nil, options.WithDigest(digest)); err != nil {
		return nil, fmt.Errorf("key %s: cosign would reject the signature: %w; "+
			"try again if the key has been rotated, or use an ECDSA P-256 key", k.reference, err)
	}
	return signed, nil
}

// wrap adds the key and the remedy to an error of CallKeyService.
func (k *Key) wrap(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, component.ErrUnavailable):
		return fmt.Errorf("key %s: unavailable: %w; try again", k.reference, err)
	}
	return fmt.Errorf("key %s: %w; name an existing cosign key that may sign SHA-256 digests, with its password in $COSIGN_PASSWORD",
		k.reference, err)
}
