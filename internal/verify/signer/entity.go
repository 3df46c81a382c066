package signer

import (
	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/org/linuxkit-action/internal/verify/statement"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

// entity is a bundle whose statement has no predicate, for the verifier decodes it again
// and again and needs none.
type entity struct{ *bundle.Bundle }

// SignatureContent implements verify.SignatureProvider.
func (e entity) SignatureContent() (verify.SignatureContent, error) {
	content, err := e.Bundle.SignatureContent()
	if err != nil || content.EnvelopeContent() == nil {
		return content, err
	}
	return envelopeSignature{SignatureContent: content, payload: e.GetDsseEnvelope().GetPayload()}, nil
}

// envelopeSignature is the signature of an envelope.
type envelopeSignature struct {
	verify.SignatureContent
	payload []byte
}

// EnvelopeContent implements verify.SignatureContent.
func (s envelopeSignature) EnvelopeContent() verify.EnvelopeContent {
	return envelope{EnvelopeContent: s.SignatureContent.EnvelopeContent(), payload: s.payload}
}

// envelope is one whose statement has no predicate.
type envelope struct {
	verify.EnvelopeContent
	payload []byte
}

// Statement implements verify.EnvelopeContent.
func (e envelope) Statement() (*intoto.Statement, error) { return statement.ParseHead(e.payload) }
