// Package signer verifies who made a signature: the holder of a key, or an identity that
// Fulcio certified.
//
// A Signer is one entry of a policy's rule. Verify takes an attachment as package discovery
// found it and checks, by sigstore-go, that it is made by the signer and covers an image.
// It returns the Signature that a report contains, or a *Rejection. Any other error means
// that the answer is unknown, for example because a key service is unavailable.
package signer

import (
	"bytes"
	"context"
	"encoding/hex"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/markup"
	"github.com/org/linuxkit-action/internal/verify/discovery"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

// Signer is one who may sign.
type Signer interface {
	// Name returns how the policy names the signer.
	Name() string

	// Verify checks that the signer made an attachment, and that it covers the image with
	// the digest. A statement's subject is not compared: the caller has done so. The error
	// is a *Rejection where the attachment does not count.
	Verify(ctx context.Context, a discovery.Attachment, image v1.Hash, opts Options) (Signature, error)
}

// Options are what a rule requires besides the signature, and what a Signer may use.
type Options struct {
	AllowNoSCT  bool                                                // where the trusted root has no CT log
	RequireLog  bool                                                // an entry in a transparency log
	Offline     bool                                                // no key service may be called
	TrustedRoot func(context.Context) (root.TrustedMaterial, error) // authorities and logs
}

// Signature is one that counts.
type Signature struct {
	Signer      string    `json:"signer"`                // key sha256:… of the public key's DER form, or SUBJECT (by ISSUER)
	Certificate string    `json:"certificate,omitempty"` // SHA-256 of the certificate in hex, "" for a key
	Time        time.Time `json:"time,omitzero"`         // in UTC, proved by a log or a timestamp authority; zero if none was required
	Image       string    `json:"image,omitempty"`       // name that the signature carries, "" if none
	Workflow
	Digest string `json:"digest,omitempty"` // of the index or the image for the platform that the signature covers
}

// Before reports whether s is the older of two signatures, or the only one whose time is
// proved. Signatures of the same time are in the order of their certificates.
func (s Signature) Before(other Signature) bool {
	switch {
	case s.Time.IsZero() != other.Time.IsZero():
		return other.Time.IsZero()
	case !s.Time.Equal(other.Time):
		return s.Time.Before(other.Time)
	}
	return s.Certificate < other.Certificate
}

// Rejection is the error for an attachment that does not count.
type Rejection struct {
	Reason string // one printable line
}

// Error returns the reason.
func (r *Rejection) Error() string { return r.Reason }

// Reject returns a *Rejection whose reason is the text of err, in one printable line.
func Reject(err error) error { return &Rejection{Reason: markup.Line(err.Error())} }

// artifact returns what the signature of an attachment covers: the simple signing payload
// of cosign 2, or the image that a statement is about.
func artifact(a discovery.Attachment, image v1.Hash) verify.ArtifactPolicyOption {
	if a.Payload != nil {
		return verify.WithArtifact(bytes.NewReader(a.Payload))
	}
	digest, _ := hex.DecodeString(image.Hex) // a v1.Hash is hexadecimal
	return verify.WithArtifactDigest(image.Algorithm, digest)
}

// provedTime returns the earliest time that is not of the local clock.
func provedTime(result *verify.VerificationResult) time.Time {
	var first time.Time
	for _, t := range result.VerifiedTimestamps {
		if t.Type != "CurrentTime" && (first.IsZero() || t.Timestamp.Before(first)) {
			first = t.Timestamp.UTC()
		}
	}
	return first
}
