package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/fixtures/sigstore"
	"github.com/org/linuxkit-action/internal/verify/attached"
)

// certificates are those of the signatures to an image, as the report names them.
func certificates(t *testing.T, image name.Digest) []string {
	t.Helper()
	var all []string
	for _, place := range attached.Signatures {
		found, err := attached.Find(t.Context(), image, place, nil)
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

// TestSignedWithoutAKey: each way to sign, on each kind of registry; and who, when, and by
// what certificate is told.
func TestSignedWithoutAKey(t *testing.T) {
	t.Parallel()
	p := realParts(t)
	type way struct {
		kind string
		sign func(name.Digest, string) error
	}
	ways := map[string]way{}
	for kind := range p.registries {
		ways["cosign 3, "+kind] = way{kind, p.ours.Sign}
		ways["cosign 3 without log, "+kind] = way{kind, p.ours.SignWithoutLog}
		ways["cosign 2, "+kind] = way{kind, p.ours.SignTag}
	}
	together(t, ways, func(t *testing.T, w way) {
		repository, digest := p.push(t, w.kind)
		expect(t, repository, p.policy(t, ""), "it has no signature; "+sigstore.Release.Subject())
		before := time.Now().Truncate(time.Second)
		must(t, w.sign(digest, p.token(t, sigstore.Release)))
		signatures := expect(t, repository, p.policy(t, ""), "")
		if len(signatures) != 1 {
			t.Fatalf("%d signatures", len(signatures))
		}
		got, made := signatures[0], certificates(t, digest)
		if want := sigstore.Release.Subject() + " (by " + p.ours.Issuers.Actions + ")"; got.Signer != want {
			t.Errorf("signed by %q, not %q", got.Signer, want)
		}
		if len(made) != 1 || got.Certificate != made[0] {
			t.Errorf("certificate %s, not %v", got.Certificate, made)
		}
		if got.Time.Before(before) || got.Time.After(time.Now()) {
			t.Errorf("signed at %v, not after %v", got.Time, before)
		}
	})
}

// TestLogIsRequired: Rekor 2 gives no time, so an entry alone proves that it was logged,
// and a timestamp when.
func TestLogIsRequired(t *testing.T) {
	t.Parallel()
	p := realParts(t)
	type way struct {
		sign func(name.Digest, string) error
		want string
	}
	together(t, map[string]way{
		"logged":              {p.ours.Sign, ""},
		"only a timestamp":    {p.ours.SignWithoutLog, "not enough verified log entries"},
		"cosign 2, timestamp": {p.ours.SignTag, "not enough verified log entries"},
	}, func(t *testing.T, w way) {
		repository, digest := p.push(t, byTag)
		must(t, w.sign(digest, p.token(t, sigstore.Release)))
		expect(t, repository, p.policy(t, ", log: required"), w.want)
		expect(t, repository, p.policy(t, ""), "")
	})
}

func TestAttestedWithoutAKey(t *testing.T) {
	t.Parallel()
	p := realParts(t)
	type way struct {
		kind   string
		sign   func(name.Digest, string) error
		attest func(image name.Digest, token, predicateType, predicate string) error
	}
	ways := map[string]way{}
	for kind := range p.registries {
		ways["cosign 3, "+kind] = way{kind, p.ours.Sign, p.ours.Attest}
		ways["cosign 2, "+kind] = way{kind, p.ours.SignTag, p.ours.AttestTag}
	}
	together(t, ways, func(t *testing.T, w way) {
		repository, digest := p.push(t, w.kind)
		policy := p.policy(t, ", attestations: [{type: vuln}, {type: 'https://acme.example/scan/v1'}]")
		token := p.token(t, sigstore.Release)
		must(t, w.sign(digest, token))
		expect(t, repository, policy, predicates["vuln"])
		must(t, w.attest(digest, token, "vuln", p.predicate))
		expect(t, repository, policy, "no attestation https://acme.example/scan/v1")
		must(t, w.attest(digest, token, "https://acme.example/scan/v1", p.predicate))
		expect(t, repository, policy, "")
	})
}

// TestSubjectsByExpression: whole subjects match, and nothing that only contains one.
func TestSubjectsByExpression(t *testing.T) {
	t.Parallel()
	p := realParts(t)
	policy := p.policyOf(t, p.ours.TrustedRoot(), `subjectRegExp: '^https://github\.com/acme/[a-z]+/\.github/workflows/release\.yml@refs/tags/v\d+$'`, "")
	type identity struct {
		who  sigstore.Workflow
		want string
	}
	together(t, map[string]identity{
		"matches":         {sigstore.Workflow{Repository: "acme/db", File: "release.yml", Ref: "refs/tags/v22"}, ""},
		"a branch":        {sigstore.Workflow{Repository: "acme/db", File: "release.yml", Ref: "refs/heads/v22"}, "match regex"},
		"longer":          {sigstore.Workflow{Repository: "acme/db", File: "release.yml", Ref: "refs/tags/v22-rc"}, "match regex"},
		"another's owner": {sigstore.Workflow{Repository: "acme-evil/db", File: "release.yml", Ref: "refs/tags/v22"}, "match regex"},
	}, func(t *testing.T, tt identity) {
		repository, digest := p.push(t, byList)
		must(t, p.ours.SignWithoutLog(digest, p.token(t, tt.who)))
		expect(t, repository, policy, tt.want)
	})
}

// pushIndexOf pushes an index as REPOSITORY:1 with two platforms, and returns it and its
// image for amd64.
func pushIndexOf(t *testing.T, repository, content string) (index, amd64 name.Digest) {
	t.Helper()
	var list v1.ImageIndex = empty.Index
	for _, arch := range []string{"arm64", "amd64"} {
		made := image.Make(t, v1.Config{}, image.Layer(t, image.File("a", content+arch)))
		amd64 = digestIn(t, repository, image.Push(t, made, repository+":"+arch))
		list = mutate.AppendManifests(list, mutate.IndexAddendum{Add: made, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	image.PushIndex(t, list, repository+":1")
	digest, err := list.Digest()
	must(t, err)
	return digestIn(t, repository, digest), amd64
}

// TestIndexOrPlatformSignedWithoutAKey: a signature of either counts; that of an index
// does not go with an image that was put into another.
func TestIndexOrPlatformSignedWithoutAKey(t *testing.T) {
	t.Parallel()
	p := realParts(t)
	together(t, map[string]string{byList: byList, byTag: byTag}, func(t *testing.T, kind string) {
		token, policy := p.token(t, sigstore.Release), p.policy(t, "")
		repository := p.repository(kind)
		_, platform := pushIndexOf(t, repository, "platform signed")
		must(t, p.ours.Sign(platform, token))
		expect(t, repository, policy, "")

		repository = p.repository(kind)
		index, _ := pushIndexOf(t, repository, "index signed")
		must(t, p.ours.Sign(index, token))
		expect(t, repository, policy, "")
		swapped, _ := pushIndexOf(t, repository, "platform swapped")
		expect(t, repository, policy, "it has no signature")
		attachRaw(t, repository, hashOf(t, swapped), bundleOf(t, index))
		expect(t, repository, policy, "it is for other bytes ("+hashOf(t, index).Hex)
	})
}
