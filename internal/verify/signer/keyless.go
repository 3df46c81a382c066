package signer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/markup"
	"github.com/org/linuxkit-action/internal/verify/discovery"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

// Keyless is an identity of an OpenID issuer, for which Fulcio issues certificates that
// are valid for minutes.
type Keyless struct {
	name     string
	identity verify.CertificateIdentity
	workflow WorkflowRule
}

// NewKeyless returns the signer whose certificate has the issuer and the subject. Each is
// an exact value, or else a regular expression.
func NewKeyless(issuer, issuerRegExp, subject, subjectRegExp string, workflow WorkflowRule) (*Keyless, error) {
	identity, err := verify.NewShortCertificateIdentity(issuer, issuerRegExp, subject, subjectRegExp)
	if err != nil {
		return nil, err
	}
	return &Keyless{
		name: fmt.Sprintf("%s (by %s)", subject+subjectRegExp, issuer+issuerRegExp), identity: identity, workflow: workflow,
	}, nil
}

// Name implements Signer.
func (k *Keyless) Name() string { return k.name }

// Verify implements Signer. The certificate is valid for minutes, so the signing time must
// be proved, by a log entry or a signed timestamp.
func (k *Keyless) Verify(ctx context.Context, a discovery.Attachment, image v1.Hash, opts Options) (Signature, error) {
	if err := checkTimeProof(a); err != nil {
		return Signature{}, Reject(err)
	}
	trusted, err := opts.TrustedRoot(ctx)
	if err != nil {
		return Signature{}, err
	}
	settings := []verify.VerifierOption{verify.WithObserverTimestamps(1)}
	if entries, _ := a.Bundle.TlogEntries(); opts.RequireLog || len(entries) > 0 && len(trusted.RekorLogs()) > 0 {
		settings = append(settings, verify.WithTransparencyLog(1))
	}
	switch {
	case len(trusted.CTLogs()) > 0:
		settings = append(settings, verify.WithSignedCertificateTimestamps(1))
	case !opts.AllowNoSCT:
		return Signature{}, Reject(errors.New("trusted root has no CT log, so that no SCT can be verified; " +
			"use a root with one, or add sct: none to the rule"))
	}
	verifier, err := verify.NewVerifier(withTimestampedData(trusted, a), settings...)
	if err != nil {
		return Signature{}, err
	}
	result, err := verifier.Verify(entity{a.Bundle}, verify.NewPolicy(artifact(a, image), verify.WithCertificateIdentity(k.identity)))
	if err != nil {
		return Signature{}, Reject(explainValidity(err, verifier, a))
	}
	if err := checkLogValidity(a, trusted, provedTime(result)); err != nil {
		return Signature{}, Reject(err)
	}
	signature, err := describe(a, result)
	if err != nil {
		return signature, err
	}
	return signature, k.workflow.check(signature)
}

// checkTimeProof rejects an attachment without a certificate, or without a proof of the
// signing time. A log entry of Rekor 1 has a time that the log signs; one of Rekor 2 has
// none.
func checkTimeProof(a discovery.Attachment) error {
	content, err := a.Bundle.VerificationContent()
	if err != nil {
		return err
	}
	if content.Certificate() == nil {
		return errors.New("signed with a key, not with a certificate")
	}
	if timestamps, _ := a.Bundle.Timestamps(); len(timestamps) > 0 {
		return nil
	}
	entries, err := a.Bundle.TlogEntries()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(entries, (*tlog.Entry).HasInclusionPromise) {
		return errors.New("no proof of the signing time: no timestamp, and no log entry with a time")
	}
	return nil
}

// explainValidity returns an error that names the time, if the certificate was not valid
// when it was used. sigstore-go has one error for everything that is wrong with a
// certificate.
func explainValidity(reason error, verifier *verify.Verifier, a discovery.Attachment) error {
	content, err := a.Bundle.VerificationContent()
	if err != nil {
		return reason
	}
	logged, err := verifier.VerifyTransparencyLogInclusion(a.Bundle)
	if err != nil {
		return reason
	}
	proved, err := verifier.VerifyObserverTimestamps(a.Bundle, logged)
	if err != nil {
		return reason
	}
	c := content.Certificate()
	for _, p := range proved {
		if p.Timestamp.Before(c.NotBefore) || p.Timestamp.After(c.NotAfter) {
			return fmt.Errorf("signed at %s, certificate is valid from %s to %s",
				formatTime(p.Timestamp), formatTime(c.NotBefore), formatTime(c.NotAfter))
		}
	}
	return reason
}

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func describe(a discovery.Attachment, result *verify.VerificationResult) (Signature, error) {
	content, err := a.Bundle.VerificationContent()
	if err != nil {
		return Signature{}, Reject(err)
	}
	sum := sha256.Sum256(content.Certificate().Raw)
	certificate := result.Signature.Certificate
	workflow, err := workflowOf(content.Certificate())
	if err != nil {
		return Signature{}, Reject(err)
	}
	return Signature{
		Workflow:    workflow,
		Signer:      markup.Line(fmt.Sprintf("%s (by %s)", certificate.SubjectAlternativeName, certificate.Issuer)),
		Certificate: hex.EncodeToString(sum[:]),
		Time:        provedTime(result),
	}, nil
}
