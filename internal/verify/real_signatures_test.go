package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/org/linuxkit-action/fixtures/registry"
	"github.com/org/linuxkit-action/fixtures/sigstore"
	"github.com/org/linuxkit-action/internal/verify/discovery"
)

// certificates returns the digests of the certificates of the signatures of an image.
func certificates(t *testing.T, image name.Digest) []string {
	t.Helper()
	var all []string
	for _, location := range discovery.SignatureLocations {
		found, err := discovery.Find(t.Context(), image, location, nil)
		must(t, err)
		for _, a := range found {
			must(t, a.Err)
			content, err := a.Bundle.VerificationContent()
			must(t, err)
			sum := sha256.Sum256(content.Certificate().Raw)
			all = append(all, hex.EncodeToString(sum[:]))
		}
	}
	return all
}

// TestVerifiesKeylessSignatures: by cosign 2 and 3, on each kind of registry.
func TestVerifiesKeylessSignatures(t *testing.T) {
	t.Parallel()
	p := startServices(t)
	type method struct {
		kind string
		sign func(name.Digest, string) error
	}
	methods := map[string]method{}
	for kind := range p.registries {
		methods["cosign 3, "+kind] = method{kind, p.trusted.Sign}
		methods["cosign 3 without log, "+kind] = method{kind, p.trusted.SignWithoutLog}
		methods["cosign 2, "+kind] = method{kind, p.trusted.SignTag}
	}
	runConcurrently(t, methods, func(t *testing.T, m method) {
		repository, digest := p.push(t, m.kind)
		checkVerdict(t, repository, p.policy(t, ""), "no signature; required from "+sigstore.Release.Subject())
		before := time.Now().Truncate(time.Second)
		must(t, m.sign(digest, p.token(t, sigstore.Release)))
		signatures := checkVerdict(t, repository, p.policy(t, ""), "")
		if len(signatures) != 1 {
			t.Fatalf("%d signatures", len(signatures))
		}
		got, want := signatures[0], certificates(t, digest)
		if signer := sigstore.Release.Subject() + " (by " + p.trusted.Issuers.Actions + ")"; got.Signer != signer {
			t.Errorf("signed by %q, want %q", got.Signer, signer)
		}
		if len(want) != 1 || got.Certificate != want[0] {
			t.Errorf("certificate %s, want %v", got.Certificate, want)
		}
		if got.Time.Before(before) || got.Time.After(time.Now()) {
			t.Errorf("signed at %v, want after %v", got.Time, before)
		}
	})
}

// TestKeylessLogRequired: an entry of Rekor 2 has no time; a timestamp proves that.
func TestKeylessLogRequired(t *testing.T) {
	t.Parallel()
	p := startServices(t)
	type method struct {
		sign func(name.Digest, string) error
		want string
	}
	runConcurrently(t, map[string]method{
		"logged":              {p.trusted.Sign, ""},
		"timestamp only":      {p.trusted.SignWithoutLog, "not enough verified log entries"},
		"cosign 2, timestamp": {p.trusted.SignTag, "not enough verified log entries"},
	}, func(t *testing.T, m method) {
		repository, digest := p.push(t, referrersTag)
		must(t, m.sign(digest, p.token(t, sigstore.Release)))
		checkVerdict(t, repository, p.policy(t, ", log: required"), m.want)
		byDefault := "{match: '**', keyless: {issuer: '" + p.trusted.Issuers.Actions +
			"', subject: '" + sigstore.Release.Subject() + "'}, sct: none}"
		text := "trustedRoot: " + p.trusted.TrustedRoot() + "\nrules: [" + byDefault + "]"
		checkVerdict(t, repository, parsePolicy(t, t.TempDir(), text), m.want)
		checkVerdict(t, repository, p.policy(t, ""), "")
	})
}

func TestVerifiesKeylessAttestations(t *testing.T) {
	t.Parallel()
	p := startServices(t)
	type method struct {
		kind   string
		sign   func(name.Digest, string) error
		attest func(image name.Digest, token, predicateType, predicate string) error
	}
	methods := map[string]method{}
	for kind := range p.registries {
		methods["cosign 3, "+kind] = method{kind: kind, sign: p.trusted.Sign, attest: p.trusted.Attest}
		methods["cosign 2, "+kind] = method{kind: kind, sign: p.trusted.SignTag, attest: p.trusted.AttestTag}
	}
	runConcurrently(t, methods, func(t *testing.T, m method) {
		repository, digest := p.push(t, m.kind)
		required := p.policy(t, ", attestations: [{type: vuln}, {type: 'https://acme.example/scan/v1'}]")
		token := p.token(t, sigstore.Release)
		must(t, m.sign(digest, token))
		checkVerdict(t, repository, required, vulnType)
		must(t, m.attest(digest, token, "vuln", p.predicate))
		checkVerdict(t, repository, required, "no attestation https://acme.example/scan/v1")
		must(t, m.attest(digest, token, "https://acme.example/scan/v1", p.predicate))
		checkVerdict(t, repository, required, "")
	})
}

func TestExpressionsMatchWholeKeylessSubjects(t *testing.T) {
	t.Parallel()
	p := startServices(t)
	const subject = `subjectRegExp: '^https://github\.com/acme/[a-z]+/\.github/workflows/release\.yml@refs/tags/v\d+$'`
	required := p.policyFor(t, p.trusted.TrustedRoot(), subject, "")
	type identity struct {
		repository, ref, want string
	}
	runConcurrently(t, map[string]identity{
		"match":             {repository: "acme/db", ref: "refs/tags/v22"},
		"branch":            {repository: "acme/db", ref: "refs/heads/v22", want: "match regex"},
		"suffix":            {repository: "acme/db", ref: "refs/tags/v22-rc", want: "match regex"},
		"owner with suffix": {repository: "acme-evil/db", ref: "refs/tags/v22", want: "match regex"},
	}, func(t *testing.T, tt identity) {
		repository, digest := p.push(t, referrersAPI)
		workflow := sigstore.Workflow{Repository: tt.repository, File: "release.yml", Ref: tt.ref}
		must(t, p.trusted.SignWithoutLog(digest, p.token(t, workflow)))
		checkVerdict(t, repository, required, tt.want)
	})
}

// TestIndexOrPlatformMayBeSignedKeyless: a signature of an index does not cover a platform
// image in another index.
func TestIndexOrPlatformMayBeSignedKeyless(t *testing.T) {
	t.Parallel()
	p := startServices(t)
	runConcurrently(t, p.registries, func(t *testing.T, r *registry.Registry) {
		token, required := p.token(t, sigstore.Release), p.policy(t, "")
		repository := r.Addr() + "/platform-signed"
		_, platform := pushIndex(t, repository, "1")
		must(t, p.trusted.Sign(digestIn(t, repository, platform), token))
		checkVerdict(t, repository, required, "")

		repository = r.Addr() + "/index-signed"
		index, _ := pushIndex(t, repository, "1")
		must(t, p.trusted.Sign(digestIn(t, repository, index), token))
		checkVerdict(t, repository, required, "")
		other, _ := pushIndex(t, repository, "2")
		checkVerdict(t, repository, required, "no signature")
		attachRaw(t, repository, other, bundleOf(t, digestIn(t, repository, index)))
		checkVerdict(t, repository, required, "signature is for digest "+index.String())
	})
}
