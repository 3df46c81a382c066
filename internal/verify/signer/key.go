package signer

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/markup"
	"github.com/org/linuxkit-action/internal/sigstore"
	"github.com/org/linuxkit-action/internal/verify/discovery"
	cosignsig "github.com/sigstore/cosign/v2/pkg/signature"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"
)

// ErrKey is wrapped by the error for a key in a key service that cannot be read or used.
var ErrKey = errors.New("unusable key")

// Key is the holder of a key. It is safe for concurrent use.
type Key struct {
	reference string

	mu       sync.Mutex // guards the rest, which a key in a service loads when it is needed
	identity string
	verifier signature.Verifier
}

// NewKey returns the signer with a public key in PEM. The reference is how the policy
// names it.
func NewKey(reference string, pem []byte) (*Key, error) {
	k := &Key{reference: reference}
	public, err := cryptoutils.UnmarshalPEMToPublicKey(pem)
	if err != nil {
		return nil, fmt.Errorf("%s: not a public key in PEM: %w", reference, err)
	}
	if err := k.use(public, newVerifier); err != nil {
		return nil, fmt.Errorf("%s: %w", reference, err)
	}
	return k, nil
}

// NewServiceKey returns the signer with a key in a key service, in its newest version. The
// service is first called when a signature is verified.
func NewServiceKey(reference string) *Key { return &Key{reference: reference} }

// Identity returns key sha256:… of the public key's DER form, or "" while a key in a
// service is not loaded.
func (k *Key) Identity() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.identity
}

// Name implements Signer.
func (k *Key) Name() string { return "key " + k.reference }

func (k *Key) use(public crypto.PublicKey, verifierOf func(crypto.PublicKey) (signature.Verifier, error)) error {
	verifier, err := verifierOf(public)
	if err != nil {
		return err
	}
	der, err := cryptoutils.MarshalPublicKeyToDER(public)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(der)
	k.verifier, k.identity = verifier, "key sha256:"+hex.EncodeToString(sum[:])
	return nil
}

// load returns the verifier, for which it calls the key service the first time. The error
// wraps ErrKey, component.ErrUnavailable or component.ErrOffline.
//
// Only the public key comes from the service, verification is local. A service would be
// called for each signature, and a failure would look like a rejection. Vault rejects all
// RSA signatures of cosign, because its provider does not send the padding.
func (k *Key) load(ctx context.Context, offline bool) (signature.Verifier, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.verifier != nil {
		return k.verifier, nil
	}
	if offline {
		return nil, fmt.Errorf("%w: %s is in a key service; keep the public key in a file", component.ErrOffline, k.Name())
	}
	public, err := sigstore.CallKeyService(ctx, k.fetch)
	if err != nil {
		return nil, k.wrap(err)
	}
	if err := k.use(public, newServiceVerifier); err != nil {
		return nil, fmt.Errorf("%w %s: %s", ErrKey, k.reference, markup.Line(err.Error()))
	}
	return k.verifier, nil
}

func (k *Key) fetch(ctx context.Context) (crypto.PublicKey, error) {
	service, err := cosignsig.PublicKeyFromKeyRef(ctx, k.reference)
	if err != nil {
		return nil, err
	}
	return service.PublicKey(options.WithContext(ctx))
}

// wrap adds the key and the remedy to an error of CallKeyService.
func (k *Key) wrap(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, component.ErrUnavailable):
		return fmt.Errorf("%s: unavailable: %w; try again, or keep the public key in a file", k.Name(), err)
	}
	return fmt.Errorf("%w %s: %w; name an existing key with read access, or keep the public key in a file", ErrKey, k.reference, err)
}

// Verify implements Signer. The trusted root is only loaded where a log entry is required.
func (k *Key) Verify(ctx context.Context, a discovery.Attachment, image v1.Hash, opts Options) (Signature, error) {
	key, err := k.load(ctx, opts.Offline)
	if err != nil {
		return Signature{}, err
	}
	always := root.NewExpiringKey(key, time.Time{}, time.Time{})
	anyHint := func(string) (root.TimeConstrainedVerifier, error) { return always, nil }
	var material root.TrustedMaterial = root.NewTrustedPublicKeyMaterial(anyHint)
	settings := []verify.VerifierOption{verify.WithNoObserverTimestamps()}
	if opts.RequireLog {
		trusted, err := opts.TrustedRoot(ctx)
		if err != nil {
			return Signature{}, err
		}
		material = root.TrustedMaterialCollection{material, trusted}
		settings = logSettings(a, trusted)
	}
	verifier, err := verify.NewVerifier(withTimestampedData(material, a), settings...)
	if err != nil {
		return Signature{}, err
	}
	result, err := verifier.Verify(entity{a.Bundle}, verify.NewPolicy(artifact(a, image), verify.WithKey()))
	if err != nil {
		return Signature{}, Reject(err)
	}
	if opts.RequireLog {
		if err := checkLogValidity(a, material, provedTime(result)); err != nil {
			return Signature{}, Reject(err)
		}
	}
	return Signature{Signer: k.Identity(), Time: provedTime(result)}, nil
}

// logSettings require a log entry. A time is not required, for a key does not expire, and
// Rekor 2 gives none. A timestamp that is there must be valid.
func logSettings(a discovery.Attachment, trusted root.TrustedMaterial) []verify.VerifierOption {
	logged := verify.WithTransparencyLog(1)
	if timestamps, _ := a.Bundle.Timestamps(); len(timestamps) > 0 && len(trusted.TimestampingAuthorities()) > 0 {
		return []verify.VerifierOption{logged, verify.WithObserverTimestamps(1)}
	}
	return []verify.VerifierOption{logged, verify.WithIntegratedTimestamps(0), verify.WithCurrentTime()}
}
