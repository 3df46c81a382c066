package verify

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/verify/attached"
	sigstore "github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature/payload"
)

// signPredicate is the predicate type of the statement that cosign 3 signs for an image.
const signPredicate = "https://sigstore.dev/cosign/sign/v1"

// claim is what an attachment must say of an image: that it is signed, or what a
// predicate type stands for. One is never taken for the other: who attests that an image
// has holes does not vouch for it.
type claim struct {
	predicate string
	places    []attached.Place
	content   *constraint // of the statement, or nil
}

var signed = claim{predicate: signPredicate, places: attached.Signatures}

// String names the claim in an error.
func (c claim) String() string {
	if c.predicate == signPredicate {
		return "signature"
	}
	return "attestation " + c.predicate
}

// unrelated is the error for an attachment that makes another claim, which it names. It
// says nothing against this one.
type unrelated string

func (u unrelated) Error() string { return "it makes another claim: " + string(u) }

// of checks that an attachment makes the claim of the image with the digest. The error
// wraps ErrRefused, or is unrelated. Who made it is still to be verified.
func (c claim) of(a attached.Attachment, image v1.Hash) error {
	if a.Err != nil {
		return refused(a.Err)
	}
	content, err := a.Bundle.SignatureContent()
	switch {
	case err != nil:
		return refused(err)
	case content.EnvelopeContent() != nil:
		return c.stated(content.EnvelopeContent(), image)
	case c.predicate != signPredicate:
		return unrelated(signed.String())
	case a.Payload != nil:
		return named(a.Payload, image)
	}
	if digest := hex.EncodeToString(content.MessageSignatureContent().Digest()); digest != image.Hex {
		return elsewhere(digest)
	}
	return nil
}

// holds checks the content of a statement that makes the claim. The error wraps ErrRefused.
// It is for what a signer has signed: evaluation costs more than a stranger should have.
func (c claim) holds(ctx context.Context, a attached.Attachment) error {
	if c.content == nil {
		return nil
	}
	content, err := a.Bundle.SignatureContent()
	if err != nil {
		return refused(err)
	}
	statement, err := content.EnvelopeContent().RawEnvelope().DecodeB64Payload()
	if err != nil {
		return refused(err)
	}
	return c.content.fulfilledBy(ctx, statement)
}

// over returns what the signature must be over: cosign 2's payload, or the image.
func over(a attached.Attachment, image v1.Hash) sigstore.ArtifactPolicyOption {
	if a.Payload != nil {
		return sigstore.WithArtifact(bytes.NewReader(a.Payload))
	}
	digest, _ := hex.DecodeString(image.Hex) // a v1.Hash is hexadecimal
	return sigstore.WithArtifactDigest(image.Algorithm, digest)
}

// stated checks an in-toto statement (in-toto attestation framework 1, Statement).
func (c claim) stated(envelope sigstore.EnvelopeContent, image v1.Hash) error {
	statement, err := envelope.Statement()
	if err != nil {
		return refused(err)
	}
	if statement.PredicateType != c.predicate {
		return unrelated(printable(claim{predicate: statement.PredicateType}.String()))
	}
	other := "nothing"
	for _, s := range statement.Subject {
		if other = s.Digest[image.Algorithm]; other == image.Hex {
			return nil
		}
	}
	return elsewhere(other)
}

// named checks the payload that cosign 2 signs (cosign specs/SIGNATURE_SPEC.md).
func named(text []byte, image v1.Hash) error {
	var claimed payload.SimpleContainerImage
	if err := json.Unmarshal(text, &claimed); err != nil {
		return refused(fmt.Errorf("its payload cannot be read: %w", err))
	}
	if claimed.Critical.Type != payload.CosignSignatureType {
		return refused(fmt.Errorf("its payload is of the type %q, not %q", claimed.Critical.Type, payload.CosignSignatureType))
	}
	if claimed.Critical.Image.DockerManifestDigest != image.String() {
		return elsewhere(claimed.Critical.Image.DockerManifestDigest)
	}
	return nil
}

func elsewhere(digest string) error {
	return refused(fmt.Errorf("it is for other bytes (%s), and was moved here", digest))
}
