package verify

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

// strong refuses keys that somebody else may be able to sign with, as cosign does when it
// imports one: RSA of less than 2048 bits, curves below P-256.
func strong(public crypto.PublicKey) error {
	if err := goodkey.ValidatePubKey(public); err != nil {
		return fmt.Errorf("%w; make a key with ECDSA P-256, Ed25519, or RSA of 2048, 3072 or 4096 bits", err)
	}
	return nil
}

// hashes are those that cosign signs with: it takes the first today, and took SHA-256 for
// every curve before (sigstore/pkg/signature, GetDefaultPublicKeyDetails).
var hashes = map[elliptic.Curve][]crypto.Hash{
	elliptic.P256(): {crypto.SHA256},
	elliptic.P384(): {crypto.SHA384, crypto.SHA256},
	elliptic.P521(): {crypto.SHA512, crypto.SHA256},
}

// verifierOf returns what verifies any way in which cosign may have signed with a key.
func verifierOf(public crypto.PublicKey) (signature.Verifier, error) {
	if err := strong(public); err != nil {
		return nil, err
	}
	ways := [][]signature.LoadOption{{options.WithHash(crypto.SHA256)}}
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		ways = nil
		for _, hash := range hashes[key.Curve] {
			ways = append(ways, []signature.LoadOption{options.WithHash(hash)})
		}
	case ed25519.PublicKey: // envelopes are signed as they are, all else by its hash
		ways = append(ways, []signature.LoadOption{options.WithED25519ph()})
	}
	var all anyWay
	for _, way := range ways {
		verifier, err := signature.LoadVerifierWithOpts(public, way...)
		if err != nil {
			return nil, err
		}
		all = append(all, verifier)
	}
	return all, nil
}

// serviceVerifierOf is verifierOf for a key that a service holds.
func serviceVerifierOf(public crypto.PublicKey) (signature.Verifier, error) {
	verifier, err := verifierOf(public)
	key, edwards := public.(ed25519.PublicKey)
	if err != nil || !edwards {
		return verifier, err
	}
	whole, err := signature.LoadED25519Verifier(key)
	return anyWay{verifier, overHash{whole}}, err
}

// overHash verifies what cosign 2 has a key service sign with Ed25519: the SHA-256 of a
// message, as if that were the message. For other keys it does not count, as with cosign:
// whoever could have them sign a file of 32 bytes could have anything for signed.
type overHash struct{ signature.Verifier }

// VerifySignature implements signature.Verifier.
func (o overHash) VerifySignature(given, message io.Reader, opts ...signature.VerifyOption) error {
	digest, _, err := signature.ComputeDigestForVerifying(message, crypto.SHA256, []crypto.Hash{crypto.SHA256}, opts...)
	if err != nil {
		return err
	}
	return o.Verifier.VerifySignature(given, bytes.NewReader(digest))
}

// anyWay verifies what one key has signed in one of several ways.
type anyWay []signature.Verifier

// PublicKey implements signature.Verifier.
func (a anyWay) PublicKey(opts ...signature.PublicKeyOption) (crypto.PublicKey, error) {
	return a[0].PublicKey(opts...)
}

// VerifySignature implements signature.Verifier.
func (a anyWay) VerifySignature(given, message io.Reader, opts ...signature.VerifyOption) error {
	signed, err := io.ReadAll(given)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(message)
	if err != nil {
		return err
	}
	for _, way := range a {
		if _, whole := way.(*signature.ED25519Verifier); whole && digestGiven(opts) {
			err = errors.New("it is over the whole, of which only the digest is known")
			continue // it would take the message for empty, whatever the digest is
		}
		if err = way.VerifySignature(bytes.NewReader(signed), bytes.NewReader(text), opts...); err == nil {
			return nil
		}
	}
	return err
}

func digestGiven(opts []signature.VerifyOption) bool {
	var digest []byte
	for _, o := range opts {
		o.ApplyDigest(&digest)
	}
	return digest != nil
}
