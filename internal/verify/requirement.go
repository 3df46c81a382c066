package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/markup"
	"github.com/org/linuxkit-action/internal/verify/constraint"
	"github.com/org/linuxkit-action/internal/verify/discovery"
	"github.com/org/linuxkit-action/internal/verify/policy"
	"github.com/org/linuxkit-action/internal/verify/signer"
	"github.com/org/linuxkit-action/internal/verify/statement"
	"github.com/sigstore/sigstore/pkg/signature/payload"
)

// signPredicate is the predicate type of a signature.
const signPredicate = policy.SignPredicate

// requirement is what a rule requires the attachments of an image to state: that it is
// signed, or a predicate. An attestation never counts as a signature: a vulnerability scan
// does not approve the image.
type requirement struct {
	predicateType string
	locations     []discovery.Location
	constraint    *constraint.Constraint // on the statement, or nil
	identity      identity               // of the name in a signature
}

var signatureRequired = requirement{predicateType: signPredicate, locations: discovery.SignatureLocations}

// requirementsOf returns what a rule requires of an image, the signature first.
func requirementsOf(rule *policy.Rule, image *component.Component) []requirement {
	signature := signatureRequired
	signature.identity = identityOf(rule, image)
	all := []requirement{signature}
	for i := range rule.Attestations {
		a := &rule.Attestations[i]
		all = append(all, requirement{predicateType: a.Type, locations: discovery.AttestationLocations, constraint: a.Constraint()})
	}
	return all
}

// String names what is required, for an error.
func (r requirement) String() string {
	if r.predicateType == signPredicate {
		return "signature"
	}
	return "attestation " + r.predicateType
}

// unrelated is the error for an attachment that states something else, which it names.
type unrelated string

// Error implements error.
func (u unrelated) Error() string { return "states something else: " + string(u) }

// match checks that an attachment states what is required, for the image with the digest.
// The error is a *signer.Rejection, or unrelated. The signer is not yet verified.
func (r requirement) match(a discovery.Attachment, image v1.Hash) error {
	if a.Err != nil {
		return signer.Reject(a.Err)
	}
	content, err := a.Bundle.SignatureContent()
	switch {
	case err != nil:
		return signer.Reject(err)
	case content.EnvelopeContent() != nil:
		return r.matchStatement(a, image)
	case r.predicateType != signPredicate:
		return unrelated(signatureRequired.String())
	case a.Payload != nil:
		if err := matchPayload(a.Payload, image); err != nil {
			return err
		}
		return r.identity.check(nameIn(a))
	}
	// A signature over the bytes of the manifest does not state that they are an image:
	// cosign sign-blob makes one for any file.
	return signer.Reject(errors.New("signature is for a file, not for an image; sign with cosign sign, not sign-blob"))
}

// matchStatement checks an in-toto statement (in-toto attestation framework 1, Statement).
func (r requirement) matchStatement(a discovery.Attachment, image v1.Hash) error {
	head, err := headOf(a)
	if err != nil {
		return signer.Reject(err)
	}
	if head.GetPredicateType() != r.predicateType {
		return unrelated(markup.Line(requirement{predicateType: head.GetPredicateType()}.String()))
	}
	err = signer.Reject(errors.New("statement has no subject"))
	for _, s := range head.GetSubject() {
		if err = matchDigest(image.Algorithm+":"+s.GetDigest()[image.Algorithm], image); err == nil {
			return r.checkNameless()
		}
	}
	return err
}

// checkNameless checks what the rule requires of a signature that names no image.
func (r requirement) checkNameless() error {
	if r.predicateType != signPredicate {
		return nil
	}
	return r.identity.check("")
}

// headOf returns the statement of an attachment without its predicate.
func headOf(a discovery.Attachment) (*intoto.Statement, error) {
	envelope := a.Bundle.GetDsseEnvelope()
	if got := envelope.GetPayloadType(); got != statement.PayloadType {
		return nil, fmt.Errorf("payload has type %.80q, want %s", got, statement.PayloadType)
	}
	return statement.ParseHead(envelope.GetPayload())
}

// matchPayload checks a simple signing payload (cosign specs/SIGNATURE_SPEC.md).
func matchPayload(text []byte, image v1.Hash) error {
	signed, err := decodePayload(text)
	if err != nil {
		return signer.Reject(fmt.Errorf("malformed payload: %w", err))
	}
	if got := signed.Critical.Type; got != payload.CosignSignatureType {
		return signer.Reject(fmt.Errorf("payload has type %q, want %q", got, payload.CosignSignatureType))
	}
	return matchDigest(signed.Critical.Image.DockerManifestDigest, image)
}

func decodePayload(text []byte) (payload.SimpleContainerImage, error) {
	var signed payload.SimpleContainerImage
	err := json.Unmarshal(text, &signed)
	return signed, err
}

func matchDigest(got string, image v1.Hash) error {
	if got == image.String() {
		return nil
	}
	return signer.Reject(fmt.Errorf("signature is for digest %s, image has %s", got, image))
}

// checkContent checks the statement of an attachment that matches and whose signer is
// verified: evaluation is expensive. The error is a *signer.Rejection, or that of ctx.
func (r requirement) checkContent(ctx context.Context, a discovery.Attachment) error {
	if r.constraint == nil {
		return nil
	}
	if a.Bundle.GetDsseEnvelope() == nil {
		return signer.Reject(errors.New("signature has no statement"))
	}
	err := r.constraint.Check(ctx, a.Bundle.GetDsseEnvelope().GetPayload())
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return signer.Reject(err)
}
