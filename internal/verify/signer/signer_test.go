package signer

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestDigestIsNotVerifiedAsEmptyMessage: a pure Ed25519 verifier that gets a digest sees an
// empty message. A signature of an empty message must not count for every digest.
func TestDigestIsNotVerifiedAsEmptyMessage(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(nil)
	must(t, err)
	signer, err := signature.LoadSignerWithOpts(private)
	must(t, err)
	signed, err := signer.SignMessage(strings.NewReader(""))
	must(t, err)
	verifier, err := newVerifier(public)
	must(t, err)
	if err := verifier.VerifySignature(bytes.NewReader(signed), strings.NewReader("")); err != nil {
		t.Errorf("empty message: %v", err)
	}
	digest := options.WithDigest(make([]byte, 32))
	if err := verifier.VerifySignature(bytes.NewReader(signed), strings.NewReader(""), digest); err == nil {
		t.Error("a digest is accepted")
	}
}

func TestOlderSignatureIsBefore(t *testing.T) {
	t.Parallel()
	at := func(certificate string, minute int) Signature {
		return Signature{Signer: "a", Certificate: certificate, Time: time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC)}
	}
	for name, tt := range map[string]struct{ first, second Signature }{
		"older":                     {at("9", 1), at("1", 2)},
		"time proved":               {at("9", 1), Signature{Signer: "a", Certificate: "1"}},
		"same time: by digest":      {at("1", 1), at("2", 1)},
		"no time proved: by digest": {Signature{Certificate: "1"}, Signature{Certificate: "2"}},
	} {
		if !tt.first.Before(tt.second) || tt.second.Before(tt.first) {
			t.Errorf("%s: %+v, %+v", name, tt.first, tt.second)
		}
	}
}
