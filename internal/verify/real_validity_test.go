package verify

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/fixtures/sigstore"
	"github.com/org/linuxkit-action/internal/verify/signer"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	commonpb "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore-go/pkg/sign"
)

// TestRejectsCertificateThatWasNotYetValid: signature, timestamp and certificate are each
// valid and of one key, but the certificate is younger than the signature.
func TestRejectsCertificateThatWasNotYetValid(t *testing.T) {
	t.Parallel()
	p := startServices(t)
	made := newImage(t, "validity")
	digest, err := made.Digest()
	must(t, err)
	key, err := sign.NewEphemeralKeypair(nil)
	must(t, err)
	fulcio := sign.NewFulcio(&sign.FulcioOptions{BaseURL: p.trusted.Fulcio})
	identity := &sign.CertificateProviderOptions{IDToken: p.token(t, sigstore.Release)}
	content := &sign.DSSEData{Data: statementOf(signPredicate, digest), PayloadType: "application/vnd.in-toto+json"}
	authority := sign.NewTimestampAuthority(&sign.TimestampAuthorityOptions{URL: p.trusted.TimestampURL()})
	b, err := sign.Bundle(content, key, sign.BundleOptions{
		Context: t.Context(), CertificateProvider: fulcio, CertificateProviderOptions: identity,
		TimestampAuthorities: []*sign.TimestampAuthority{authority},
	})
	must(t, err)
	checkBundle := func(want string) []signer.Signature {
		repository := p.repository(referrersTag)
		attach(t, repository, image.Push(t, made, repository+":1"), b)
		return checkVerdict(t, repository, p.policy(t, ""), want)
	}
	signatures := checkBundle("")
	if len(signatures) != 1 {
		t.Fatalf("%d signatures", len(signatures))
	}
	later := certificateAfter(t, signatures[0].Time, func() ([]byte, error) { return fulcio.GetCertificate(t.Context(), key, identity) })
	b.VerificationMaterial.Content = &bundlepb.VerificationMaterial_Certificate{Certificate: later}
	checkBundle("signed at " + signatures[0].Time.Format(time.RFC3339) + ", certificate is valid from ")
}

// certificateAfter requests certificates until one begins after a time. Both are whole
// seconds.
func certificateAfter(t *testing.T, signed time.Time, request func() ([]byte, error)) *commonpb.X509Certificate {
	t.Helper()
	for {
		der, err := request()
		must(t, err)
		certificate, err := x509.ParseCertificate(der)
		must(t, err)
		if certificate.NotBefore.After(signed) {
			return &commonpb.X509Certificate{RawBytes: der}
		}
	}
}
