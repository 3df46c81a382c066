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
	"github.com/org/linuxkit-action/internal/verify"
	cosignsig "github.com/sigstore/cosign/v2/pkg/signature"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"
)

// Signer signs files with a cosign key, as `cosign verify-blob` verifies them unless it is
// told otherwise: by their SHA-256, whatever the curve is, and with Ed25519 as they are.
// (cosign sign-blob takes SHA-384 for P-384, which its own verify-blob then refuses.)
type Signer struct {
	reference string
	key       signature.Signer
	verifier  signature.Verifier // of the public half
	hint      string
}

// LoadKey opens a cosign key: a file, env://VARIABLE, or a KMS reference. The
// password of an encrypted key is $COSIGN_PASSWORD.
//
// Errors wrap ErrPublish, and component.ErrUnavailable where a service may answer later;
// one that does not answer is left after 30 seconds.
func LoadKey(ctx context.Context, reference string) (*Signer, error) {
	s := &Signer{reference: reference}
	key, err := verify.AskKeyService(ctx, s.open)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPublish, s.fault(err))
	}
	if err := s.use(key); err != nil {
		return nil, fmt.Errorf("%w: key %s: %w", ErrPublish, reference, err)
	}
	return s, nil
}

// halves are those of a key.
type halves struct {
	private signature.Signer
	public  crypto.PublicKey
}

func (s *Signer) open(ctx context.Context) (halves, error) {
	password := func(bool) ([]byte, error) { return []byte(os.Getenv("COSIGN_PASSWORD")), nil }
	pure := []signature.LoadOption{} // the default is Ed25519ph, for Rekor's sake
	key, err := cosignsig.SignerVerifierFromKeyRef(ctx, s.reference, password, &pure)
	if err != nil {
		return halves{}, err
	}
	public, err := key.PublicKey(options.WithContext(ctx))
	return halves{key, public}, err
}

// use takes a key, unless cosign would not accept what it signs.
func (s *Signer) use(key halves) (err error) {
	s.key = key.private
	if _, isEd25519 := key.public.(ed25519.PublicKey); isEd25519 && !s.signsWhole() {
		return errors.New("with Ed25519 a service signs hashes only, and cosign verifies that over whole files; sign with a key of ECDSA P-256, or keep one of Ed25519 in a file")
	}
	if s.verifier, err = signature.LoadVerifier(key.public, crypto.SHA256); err != nil {
		return err
	}
	s.hint, err = keyHint(key.public)
	return err
}

// signsWhole reports whether it takes the file and not its hash: an Ed25519 key at hand.
func (s *Signer) signsWhole() bool {
	_, whole := s.key.(*signature.ED25519SignerVerifier)
	return whole
}

// keyHint names the key in a bundle: the SHA-256 of its DER form, in base64.
func keyHint(public crypto.PublicKey) (string, error) {
	der, err := cryptoutils.MarshalPublicKeyToDER(public)
	sum := sha256.Sum256(der)
	return base64.StdEncoding.EncodeToString(sum[:]), err
}

// sign signs a file whose SHA-256 is given. With Ed25519 all of it is in memory meanwhile,
// twice (and three times when cosign verifies it).
func (s *Signer) sign(ctx context.Context, path string, digest []byte) ([]byte, error) {
	if s.signsWhole() {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return s.key.SignMessage(f)
	}
	signed, err := verify.AskKeyService(ctx, func(ctx context.Context) ([]byte, error) {
		return s.key.SignMessage(nil, options.WithContext(ctx), options.WithDigest(digest), options.WithCryptoSignerOpts(crypto.SHA256))
	})
	if err != nil {
		return nil, s.fault(err)
	}
	// The key may have been changed since it was loaded, or have another padding.
	if err := s.verifier.VerifySignature(bytes.NewReader(signed), nil, options.WithDigest(digest)); err != nil {
		return nil, fmt.Errorf("key %s: cosign would not accept what it signs: %w; try again if it has been rotated, or sign with a key of ECDSA P-256", s.reference, err)
	}
	return signed, nil
}

// fault tells why there is no signature, and what helps.
func (s *Signer) fault(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, component.ErrUnavailable):
		return fmt.Errorf("key %s cannot be asked to sign: %w; try again", s.reference, err)
	}
	return fmt.Errorf("key %s: %w; name a cosign key that is there and may sign SHA-256, and its password in $COSIGN_PASSWORD", s.reference, err)
}
