package verify

import (
	"crypto/x509"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/fixtures/sigstore"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	commonpb "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore-go/pkg/sign"
)

// TestRealCertificateOfAnotherTime: signature, timestamp and certificate are each right,
// and for one key; but when that signed, the certificate was not valid.
func TestRealCertificateOfAnotherTime(t *testing.T) {
	t.Parallel()
	p := realParts(t)
	made := image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "times")))
	digest, err := made.Digest()
	must(t, err)
	key, err := sign.NewEphemeralKeypair(nil)
	must(t, err)
	fulcio := sign.NewFulcio(&sign.FulcioOptions{BaseURL: p.ours.Fulcio})
	identity := &sign.CertificateProviderOptions{IDToken: p.token(t, sigstore.Release)}
	b, err := sign.Bundle(&sign.DSSEData{Data: statement(signPredicate, digest), PayloadType: "application/vnd.in-toto+json"}, key, sign.BundleOptions{
		Context: t.Context(), CertificateProvider: fulcio, CertificateProviderOptions: identity,
		TimestampAuthorities: []*sign.TimestampAuthority{sign.NewTimestampAuthority(&sign.TimestampAuthorityOptions{URL: p.ours.TimestampURL()})},
	})
	must(t, err)
	attached := func(want string) []Signature {
		repository := p.repository(byTag)
		attach(t, repository, image.Push(t, made, repository+":1"), b)
		return expect(t, repository, p.policy(t, ""), want)
	}
	signatures := attached("")
	if len(signatures) != 1 {
		t.Fatalf("%d signatures", len(signatures))
	}
	b.VerificationMaterial.Content = &bundlepb.VerificationMaterial_Certificate{Certificate: certificateAfter(t, signatures[0].Time, func() ([]byte, error) {
		return fulcio.GetCertificate(t.Context(), key, identity)
	})}
	attached("it was signed at " + utc(signatures[0].Time) + ", and its certificate is valid from ")
}

// certificateAfter asks for a certificate until it begins after a time. Both are whole
// seconds.
func certificateAfter(t *testing.T, signed time.Time, ask func() ([]byte, error)) *commonpb.X509Certificate {
	t.Helper()
	for {
		der, err := ask()
		must(t, err)
		certificate, err := x509.ParseCertificate(der)
		must(t, err)
		if certificate.NotBefore.After(signed) {
			return &commonpb.X509Certificate{RawBytes: der}
		}
	}
}
