package signer

import (
	"context"
	"encoding/hex"

	"github.com/org/linuxkit-action/internal/verify/discovery"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	commonpb "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tlog"
)

// VerifiedMaterial returns the part of an attachment's verification material that proves
// its signature: the certificate, log entries by a trusted log, and timestamps by a trusted
// authority. Hints, intermediate certificates and everything else is dropped: any writer of
// the registry can add it. The attachment has been verified.
func VerifiedMaterial(ctx context.Context, a discovery.Attachment, opts Options) (*bundlepb.VerificationMaterial, error) {
	stored := a.Bundle.GetVerificationMaterial()
	m := &bundlepb.VerificationMaterial{Content: stored.GetContent()}
	if chain := stored.GetX509CertificateChain(); chain != nil {
		leaf := &commonpb.X509CertificateChain{Certificates: chain.GetCertificates()[:1]}
		m.Content = &bundlepb.VerificationMaterial_X509CertificateChain{X509CertificateChain: leaf}
	}
	if stored.GetPublicKey() != nil {
		m.Content = &bundlepb.VerificationMaterial_PublicKey{PublicKey: &commonpb.PublicKeyIdentifier{}}
		if !opts.RequireLog {
			return m, nil
		}
	}
	trusted, err := opts.TrustedRoot(ctx)
	if err != nil {
		return nil, err
	}
	entries, err := a.Bundle.TlogEntries()
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if isTrusted(e, trusted) {
			m.TlogEntries = append(m.TlogEntries, e.TransparencyLogEntry())
		}
	}
	content, err := a.Bundle.SignatureContent()
	if err != nil {
		return nil, err
	}
	var timestamps []*commonpb.RFC3161SignedTimestamp
	for _, t := range stored.GetTimestampVerificationData().GetRfc3161Timestamps() {
		if provesTime(t.GetSignedTimestamp(), content.Signature(), withTimestampedData(trusted, a)) {
			timestamps = append(timestamps, t)
		}
	}
	if len(timestamps) > 0 {
		m.TimestampVerificationData = &bundlepb.TimestampVerificationData{Rfc3161Timestamps: timestamps}
	}
	return m, nil
}

// isTrusted reports whether the verifier has not skipped an entry: it skips those of
// unknown logs and those whose promise is not valid.
func isTrusted(e *tlog.Entry, trusted root.TrustedMaterial) bool {
	if _, known := trusted.RekorLogs()[hex.EncodeToString([]byte(e.LogKeyID()))]; !known {
		return false
	}
	return !e.HasInclusionPromise() || tlog.VerifySET(e, trusted.RekorLogs()) == nil
}

func provesTime(timestamp, signature []byte, trusted root.TrustedMaterial) bool {
	for _, authority := range trusted.TimestampingAuthorities() {
		if _, err := authority.Verify(timestamp, signature); err == nil {
			return true
		}
	}
	return false
}
