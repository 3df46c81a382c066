package verify

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/sigstore/cosign/v2/pkg/cosign"
	ociremote "github.com/sigstore/cosign/v2/pkg/oci/remote"
	cosignsig "github.com/sigstore/cosign/v2/pkg/signature"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
)

// maxKeyBytes bounds a PEM file.
const maxKeyBytes = 64 << 10

// keySigner is the holder of a key.
type keySigner struct {
	file     string
	identity string // key sha256:… of the public key's DER form
	verifier signature.Verifier
}

func loadKey(dir, file string) (*keySigner, error) {
	path := file
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, file)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	pem, err := io.ReadAll(io.LimitReader(f, maxKeyBytes))
	if err != nil {
		return nil, err
	}
	verifier, err := cosignsig.LoadPublicKeyRaw(pem, crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("%s is not a public key in PEM: %w", file, err)
	}
	identity, err := keyIdentity(verifier)
	return &keySigner{file, identity, verifier}, err
}

func keyIdentity(verifier signature.Verifier) (string, error) {
	public, err := verifier.PublicKey()
	if err != nil {
		return "", err
	}
	der, err := cryptoutils.MarshalPublicKeyToDER(public)
	sum := sha256.Sum256(der)
	return "key sha256:" + hex.EncodeToString(sum[:]), err
}

// verify looks for a signature on what the reference means, or on the image for
// the platform. The error wraps ErrRefused where there is none that counts.
func (k *keySigner) verify(ctx context.Context, c *component.Component) error {
	err := k.verifyDigest(ctx, c, c.Root)
	if errors.Is(err, ErrRefused) && c.Digest != c.Root {
		if k.verifyDigest(ctx, c, c.Digest) == nil {
			return nil
		}
	}
	return err
}

func (k *keySigner) verifyDigest(ctx context.Context, c *component.Component, digest v1.Hash) error {
	_, _, err := cosign.VerifyImageSignatures(ctx, c.Repository().Digest(digest.String()), &cosign.CheckOpts{
		SigVerifier:        k.verifier,
		ClaimVerifier:      cosign.SimpleClaimVerifier,
		IgnoreTlog:         true, // a key needs no log; nothing here asks the network but the registry
		Offline:            true,
		RegistryClientOpts: []ociremote.Option{ociremote.WithRemoteOptions(append(c.RemoteOptions(), remote.WithContext(ctx))...)},
	})
	return k.explain(err)
}

// explain tells a missing or foreign signature from a registry that is down.
func (k *keySigner) explain(err error) error {
	var none *cosign.ErrNoSignaturesFound
	var foreign *cosign.ErrNoMatchingSignatures
	switch {
	case err == nil:
		return nil
	case errors.As(err, &none):
		return fmt.Errorf("%w: it has no signature; key %s must have signed it", ErrRefused, k.file)
	case errors.As(err, &foreign):
		return fmt.Errorf("%w: no signature by key %s; it is signed by somebody else, or the signature is for other bytes", ErrRefused, k.file)
	}
	return component.Classify(err)
}
