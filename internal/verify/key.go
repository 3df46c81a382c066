package verify

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/sigstore"
	"github.com/org/linuxkit-action/internal/verify/attached"
	cosignsig "github.com/sigstore/cosign/v2/pkg/signature"
	"github.com/sigstore/sigstore-go/pkg/root"
	sgverify "github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	sigopts "github.com/sigstore/sigstore/pkg/signature/options"
)

// maxKeyBytes bounds a PEM file.
const maxKeyBytes = 64 << 10

// keySigner is the holder of a key.
type keySigner struct {
	reference string

	mu       sync.Mutex // over what follows, for a key that is loaded when it is needed
	identity string     // key sha256:… of the public key's DER form
	verifier signature.Verifier
}

// openKey reads a key that is at hand: in a file, or in the environment. One in a KMS is
// only noted; it is asked for once a rule needs it.
func openKey(dir, reference string) (*keySigner, error) {
	k := &keySigner{reference: reference}
	scheme, variable, remote := strings.Cut(reference, "://")
	switch {
	case !remote && !strings.HasPrefix(reference, "pkcs11:"):
		return k, k.read(dir)
	case scheme == "env":
		return k, k.parse([]byte(os.Getenv(variable)))
	case scheme == "http" || scheme == "https":
		return k, fmt.Errorf("%s: a key that is fetched is no better than its server; keep it beside the policy", reference)
	}
	return k, nil
}

func (k *keySigner) read(dir string) error {
	pem, err := readSmall(beside(dir, k.reference), maxKeyBytes)
	if err != nil {
		return err
	}
	return k.parse(pem)
}

func (k *keySigner) parse(pem []byte) error {
	public, err := cryptoutils.UnmarshalPEMToPublicKey(pem)
	if err != nil {
		return fmt.Errorf("%s is not a public key in PEM: %w", k.reference, err)
	}
	verifier, err := verifierOf(public)
	if err == nil {
		err = k.use(public, verifier)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", k.reference, err)
	}
	return nil
}

func (k *keySigner) use(public crypto.PublicKey, verifier signature.Verifier) error {
	der, err := cryptoutils.MarshalPublicKeyToDER(public)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(der)
	k.verifier, k.identity = verifier, "key sha256:"+hex.EncodeToString(sum[:])
	return nil
}

// load returns the key, and asks a KMS for it the first time. The error wraps ErrPolicy,
// component.ErrUnavailable or component.ErrOffline.
func (k *keySigner) load(ctx context.Context, offline bool) (signature.Verifier, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.verifier != nil {
		return k.verifier, nil
	}
	if offline {
		return nil, fmt.Errorf("%w: %s is with a service, which may not be asked; keep its public half in a file", component.ErrOffline, k.name())
	}
	public, err := sigstore.CallKeyService(ctx, func(ctx context.Context) (crypto.PublicKey, error) {
		service, err := cosignsig.PublicKeyFromKeyRef(ctx, k.reference)
		if err != nil {
			return nil, err
		}
		return service.PublicKey(sigopts.WithContext(ctx))
	})
	if err != nil {
		return nil, k.notGiven(err)
	}
	verifier, err := serviceVerifierOf(public)
	if err == nil {
		err = k.use(public, verifier)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %s", ErrPolicy, k.name(), printable(err.Error()))
	}
	return k.verifier, nil
}

// notGiven tells why a service does not give the key, with the kind that load promises.
func (k *keySigner) notGiven(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, component.ErrUnavailable):
		return fmt.Errorf("%s: unavailable: %w; try again, or keep the public key in a file", k.name(), err)
	}
	return fmt.Errorf("%w: %s: %w; name an existing key with read access, or keep the public key in a file", ErrPolicy, k.name(), err)
}

// name implements signer.
func (k *keySigner) name() string { return "key " + k.reference }

// verify implements signer. A key needs no log; then nobody is asked about one.
func (k *keySigner) verify(ctx context.Context, a attached.Attachment, what sgverify.ArtifactPolicyOption, rules demands) (Signature, error) {
	key, err := k.load(ctx, rules.offline)
	if err != nil {
		return Signature{}, err
	}
	always := root.NewExpiringKey(key, time.Time{}, time.Time{})
	var material root.TrustedMaterial = root.NewTrustedPublicKeyMaterial(func(string) (root.TimeConstrainedVerifier, error) { return always, nil })
	options := []sgverify.VerifierOption{sgverify.WithNoObserverTimestamps()}
	if rules.log {
		authorities, err := rules.sigstore(ctx)
		if err != nil {
			return Signature{}, err
		}
		material = root.TrustedMaterialCollection{material, authorities}
		options = logOptions(a, authorities)
	}
	verifier, err := sgverify.NewVerifier(forStamps(material, a), options...)
	if err != nil {
		return Signature{}, err
	}
	result, err := verifier.Verify(a.Bundle, sgverify.NewPolicy(what, sgverify.WithKey()))
	if err != nil {
		return Signature{}, refused(err)
	}
	return Signature{Signer: k.identity, Time: provenTime(result)}, nil
}

// logOptions are for what must have a log entry. That need not have a time (Rekor 2 gives
// none), nor need a timestamp be there: a key does not expire. What there is must be
// right, and is told.
func logOptions(a attached.Attachment, authorities root.TrustedMaterial) []sgverify.VerifierOption {
	logged := sgverify.WithTransparencyLog(1)
	if stamps, _ := a.Bundle.Timestamps(); len(stamps) > 0 && len(authorities.TimestampingAuthorities()) > 0 {
		return []sgverify.VerifierOption{logged, sgverify.WithObserverTimestamps(1)}
	}
	return []sgverify.VerifierOption{logged, sgverify.WithIntegratedTimestamps(0), sgverify.WithCurrentTime()}
}
