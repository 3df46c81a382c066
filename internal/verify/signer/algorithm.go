package signer

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"errors"
	"fmt"
	"io"

	"github.com/sigstore/sigstore/pkg/cryptoutils/goodkey"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"
)

// hashes are those that cosign signs with: the first today, and SHA-256 with every curve
// in earlier versions (sigstore/pkg/signature, GetDefaultPublicKeyDetails).
var hashes = map[elliptic.Curve][]crypto.Hash{
	elliptic.P256(): {crypto.SHA256},
	elliptic.P384(): {crypto.SHA384, crypto.SHA256},
	elliptic.P521(): {crypto.SHA512, crypto.SHA256},
}

// newVerifier returns a verifier for every algorithm that cosign uses with a key. It
// rejects weak keys as cosign import-key-pair does: RSA below 2048 bits, curves below
// P-256.
func newVerifier(public crypto.PublicKey) (signature.Verifier, error) {
	if err := goodkey.ValidatePubKey(public); err != nil {
		return nil, fmt.Errorf("%w; use ECDSA P-256, Ed25519, or RSA with 2048, 3072 or 4096 bits", err)
	}
	algorithms := [][]signature.LoadOption{{options.WithHash(crypto.SHA256)}}
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		algorithms = nil
		for _, hash := range hashes[key.Curve] {
			algorithms = append(algorithms, []signature.LoadOption{options.WithHash(hash)})
		}
	case ed25519.PublicKey: // Ed25519 for envelopes, Ed25519ph for everything else
		algorithms = append(algorithms, []signature.LoadOption{options.WithED25519ph()})
	}
	var all anyVerifier
	for _, algorithm := range algorithms {
		verifier, err := signature.LoadVerifierWithOpts(public, algorithm...)
		if err != nil {
			return nil, err
		}
		all = append(all, verifier)
	}
	return all, nil
}

// newServiceVerifier is newVerifier for a key in a key service.
func newServiceVerifier(public crypto.PublicKey) (signature.Verifier, error) {
	verifier, err := newVerifier(public)
	key, isEd25519 := public.(ed25519.PublicKey)
	if err != nil || !isEd25519 {
		return verifier, err
	}
	whole, err := signature.LoadED25519Verifier(key)
	return anyVerifier{verifier, digestVerifier{whole}}, err
}

// digestVerifier verifies what cosign 2 lets a key service sign with Ed25519: the SHA-256
// of a message in the place of the message. Keys in files do not accept that, as in
// cosign: an attacker who gets a file of 32 bytes signed could then forge any signature.
type digestVerifier struct{ signature.Verifier }

// VerifySignature implements signature.Verifier.
func (d digestVerifier) VerifySignature(signed, message io.Reader, opts ...signature.VerifyOption) error {
	digest, _, err := signature.ComputeDigestForVerifying(message, crypto.SHA256, []crypto.Hash{crypto.SHA256}, opts...)
	if err != nil {
		return err
	}
	return d.Verifier.VerifySignature(signed, bytes.NewReader(digest))
}

// anyVerifier accepts a signature that one of several algorithms of one key verifies.
type anyVerifier []signature.Verifier

// PublicKey implements signature.Verifier.
func (a anyVerifier) PublicKey(opts ...signature.PublicKeyOption) (crypto.PublicKey, error) {
	return a[0].PublicKey(opts...)
}

// VerifySignature implements signature.Verifier.
func (a anyVerifier) VerifySignature(signed, message io.Reader, opts ...signature.VerifyOption) error {
	signatureBytes, err := io.ReadAll(signed)
	if err != nil {
		return err
	}
	messageBytes, err := io.ReadAll(message)
	if err != nil {
		return err
	}
	for _, verifier := range a {
		if _, whole := verifier.(*signature.ED25519Verifier); whole && hasDigest(opts) {
			err = errors.New("signature covers the message, of which only the digest is known")
			continue // it would verify an empty message, whatever the digest is
		}
		err = verifier.VerifySignature(bytes.NewReader(signatureBytes), bytes.NewReader(messageBytes), opts...)
		if err == nil {
			return nil
		}
	}
	return err
}

func hasDigest(opts []signature.VerifyOption) bool {
	var digest []byte
	for _, o := range opts {
		o.ApplyDigest(&digest)
	}
	return digest != nil
}
