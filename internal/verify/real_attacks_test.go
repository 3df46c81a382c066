package verify

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/fixtures/sigstore"
	"github.com/org/linuxkit-action/internal/verify/policy"
	cosignoci "github.com/sigstore/cosign/v2/pkg/oci/remote"
	cosignstatic "github.com/sigstore/cosign/v2/pkg/oci/static"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// TestRejectsOtherKeylessIdentities: Fulcio certifies each of them.
func TestRejectsOtherKeylessIdentities(t *testing.T) {
	t.Parallel()
	p := startServices(t)
	issuers, release := p.trusted.Issuers, sigstore.Release
	with := func(change func(*sigstore.Workflow)) sigstore.Workflow {
		workflow := release
		change(&workflow)
		return workflow
	}
	type identity struct {
		issuer   string
		workflow sigstore.Workflow
		want     string
	}
	runConcurrently(t, map[string]identity{
		"valid": {issuer: issuers.Actions, workflow: release},
		"another repository": {
			issuer:   issuers.Actions,
			workflow: with(func(w *sigstore.Workflow) { w.Repository = "eve/web" }),
			want:     `got "https://github.com/eve/web/`,
		},
		"issuer with suffix": {
			issuer:   issuers.LookAlike,
			workflow: release,
			want:     `expected issuer value "` + issuers.Actions + `", got "` + issuers.LookAlike + `"`,
		},
		"subject with a suffix": {
			issuer:   issuers.Actions,
			workflow: with(func(w *sigstore.Workflow) { w.Ref += ".1" }),
			want:     `@refs/tags/v1.1"`,
		},
		"subject with a prefix": {
			issuer:   issuers.Actions,
			workflow: with(func(w *sigstore.Workflow) { w.Repository = "x" + w.Repository }),
			want:     `got "https://github.com/xacme/web/`,
		},
		"subject within another": {
			issuer:   issuers.Actions,
			workflow: with(func(w *sigstore.Workflow) { w.Repository = "eve/web/github.com/" + w.Repository }),
			want:     `got "https://github.com/eve/web/github.com/acme/web/`,
		},
	}, func(t *testing.T, tt identity) {
		token, err := issuers.Token(tt.issuer, tt.workflow)
		must(t, err)
		for _, sign := range []func(name.Digest, string) error{p.trusted.Sign, p.trusted.SignTag} {
			repository, digest := p.push(t, referrersTag)
			must(t, sign(digest, token))
			checkVerdict(t, repository, p.policy(t, ""), tt.want)
		}
	})
}

// TestRejectsSigstoreThatIsNotTrusted: it certifies the same identities.
func TestRejectsSigstoreThatIsNotTrusted(t *testing.T) {
	t.Parallel()
	p := startServices(t)
	for want, sign := range map[string]func(name.Digest, string) error{
		"not enough verified log entries":         p.other.Sign,
		"certificate signed by unknown authority": p.other.SignTag,
	} {
		repository, digest := p.push(t, referrersTag)
		must(t, sign(digest, p.token(t, sigstore.Release)))
		checkVerdict(t, repository, p.policy(t, ""), want)
	}
}

// TestRejectsAuthoritiesThatAreNotTrusted: one at a time.
func TestRejectsAuthoritiesThatAreNotTrusted(t *testing.T) {
	t.Parallel()
	p := startServices(t)
	repository, digest := p.push(t, referrersAPI)
	must(t, p.trusted.Sign(digest, p.token(t, sigstore.Release)))
	for _, tt := range []struct{ trusted, other, want string }{
		{trusted: "certificateAuthorities", other: "certificateAuthorities", want: "failed to verify leaf certificate"},
		{trusted: "timestampAuthorities", other: "timestampAuthorities", want: "pkcs7: No certificate for signer"},
		{trusted: "tlogs", other: "tlogs", want: "not enough verified log entries"},
		{trusted: "ctlogs", other: "tlogs", want: "only able to verify 0 SCT entries"}, // an SCT is required if the root has a CT log
	} {
		root := rootWith(t, p.trusted.TrustedRoot(), tt.trusted, p.other.TrustedRoot(), tt.other)
		checkVerdict(t, repository, p.policyFor(t, root, "subject: '"+sigstore.Release.Subject()+"'", ""), tt.want)
	}
	checkVerdict(t, repository, p.policy(t, ""), "")
}

// rootWith returns a trusted root in which a field has the value of a field of another.
func rootWith(t *testing.T, of, own, other, authority string) string {
	t.Helper()
	var roots [2]map[string]json.RawMessage
	for i, path := range []string{of, other} {
		text, err := os.ReadFile(path)
		must(t, err)
		must(t, json.Unmarshal(text, &roots[i]))
	}
	if len(roots[1][authority]) == 0 {
		t.Fatalf("%s has no %s", other, authority)
	}
	roots[0][own] = roots[1][authority]
	text, err := json.Marshal(roots[0])
	must(t, err)
	path := filepath.Join(t.TempDir(), "trusted_root.json")
	must(t, os.WriteFile(path, text, 0o600))
	return path
}

// TestRejectsTamperedBundlesOfCosign: parts of a second signature of the same image replace
// those of the first.
func TestRejectsTamperedBundlesOfCosign(t *testing.T) {
	t.Parallel()
	p := startServices(t)
	token := p.token(t, sigstore.Release)
	made := newImage(t, "tampered")
	signedBy := func(sign func(name.Digest, string) error) []byte {
		repository := p.repository(referrersAPI)
		digest := digestIn(t, repository, image.Push(t, made, repository+":1"))
		must(t, sign(digest, token))
		return bundleOf(t, digest)
	}
	// The second is made first, so that its certificate is valid when the whole is signed.
	second, other := materialOf(t, signedBy(p.trusted.Sign)), materialOf(t, signedBy(p.other.Sign))
	whole := signedBy(p.trusted.Sign)
	checkBundle := func(t *testing.T, bundle []byte, want string) {
		t.Parallel()
		repository := p.repository(referrersTag)
		digest := image.Push(t, made, repository+":1")
		attachRaw(t, repository, digest, bundle)
		checkVerdict(t, repository, p.policy(t, ""), want)
	}
	t.Run("valid", func(t *testing.T) { checkBundle(t, whole, "") })
	t.Run("truncated", func(t *testing.T) { checkBundle(t, whole[:len(whole)/2], "malformed bundle") })
	for name, tt := range tamperedMaterial(second, other) {
		t.Run(name, func(t *testing.T) { checkBundle(t, withMaterial(t, whole, tt.change), tt.want) })
	}
}

func materialOf(t *testing.T, text []byte) *bundlepb.VerificationMaterial {
	t.Helper()
	b := &bundlepb.Bundle{}
	must(t, protojson.Unmarshal(text, b))
	return b.VerificationMaterial
}

// withMaterial returns a bundle with changed verification material.
func withMaterial(t *testing.T, text []byte, change func(*bundlepb.VerificationMaterial)) []byte {
	t.Helper()
	b := &bundlepb.Bundle{}
	must(t, protojson.Unmarshal(text, b))
	change(b.VerificationMaterial)
	changed, err := protojson.Marshal(b)
	must(t, err)
	return changed
}

type materialCase struct {
	change func(*bundlepb.VerificationMaterial)
	want   string
}

// tamperedMaterial replaces parts by those of a second signature of the same signer, or of
// another Sigstore.
func tamperedMaterial(second, other *bundlepb.VerificationMaterial) map[string]materialCase {
	const noTime = "no proof of the signing time: no timestamp, and no log entry with a time"
	return map[string]materialCase{
		"log entry of another signature": {change: func(m *bundlepb.VerificationMaterial) {
			m.TlogEntries = second.TlogEntries
		}, want: "transparency log signature does not match"},
		"inclusion proof of another entry": {change: func(m *bundlepb.VerificationMaterial) {
			m.TlogEntries[0].InclusionProof = second.TlogEntries[0].InclusionProof
			m.TlogEntries[0].LogIndex = second.TlogEntries[0].LogIndex
		}, want: "failed to verify log inclusion"},
		"checkpoint of another log": {change: func(m *bundlepb.VerificationMaterial) {
			m.TlogEntries[0].InclusionProof.Checkpoint = other.TlogEntries[0].InclusionProof.Checkpoint
		}, want: "failed to verify log inclusion"},
		"log entry without inclusion proof": {change: func(m *bundlepb.VerificationMaterial) {
			m.TlogEntries[0].InclusionProof = nil
		}, want: "malformed bundle"},
		"log entry with a forged time": {change: func(m *bundlepb.VerificationMaterial) {
			m.TlogEntries[0].IntegratedTime = 1
			m.TimestampVerificationData = nil
		}, want: noTime},
		"log entry without timestamp": {change: func(m *bundlepb.VerificationMaterial) {
			m.TimestampVerificationData = nil
		}, want: noTime},
		"timestamp of another signature": {change: func(m *bundlepb.VerificationMaterial) {
			m.TimestampVerificationData = second.TimestampVerificationData
		}, want: "hashed messages don't match"},
		"timestamp by another authority": {change: func(m *bundlepb.VerificationMaterial) {
			m.TimestampVerificationData = other.TimestampVerificationData
		}, want: "pkcs7: No certificate for signer"},
		"certificate of another signature": {change: func(m *bundlepb.VerificationMaterial) {
			m.Content = second.Content
		}, want: "transparency log certificate does not match"},
		"certificate of another signature, not logged": {change: func(m *bundlepb.VerificationMaterial) {
			m.Content, m.TlogEntries = second.Content, nil
		}, want: "could not verify envelope"},
		"timestamp without log entry": {change: func(m *bundlepb.VerificationMaterial) { m.TlogEntries = nil }},
	}
}

// TestRejectsAttachmentsCopiedFromAnotherImage: in both layouts.
func TestRejectsAttachmentsCopiedFromAnotherImage(t *testing.T) {
	t.Parallel()
	p := startServices(t)
	runConcurrently(t, copyCases(p, p.token(t, sigstore.Release)), func(t *testing.T, tt copyCase) {
		repository, digest := p.push(t, referrersTag)
		other := image.Push(t, newImage(t, "other"+repository), repository+":other")
		from := digestIn(t, repository, other)
		must(t, tt.sign(from))
		tt.copy(t, from, digest)
		checkVerdict(t, repository, p.policy(t, tt.more), tt.want)
	})
}

// copyCase signs one image and copies the signature to another.
type copyCase struct {
	sign func(name.Digest) error
	copy func(t *testing.T, from, to name.Digest)
	more string // fields of the rule
	want string
}

func copyCases(p *realServices, token string) map[string]copyCase {
	return map[string]copyCase{
		"bundle": {
			sign: func(d name.Digest) error { return p.trusted.Sign(d, token) },
			copy: func(t *testing.T, from, to name.Digest) {
				attachRaw(t, to.Context().Name(), hashOf(t, to), bundleOf(t, from))
			},
			want: "signature is for digest ",
		},
		"bundle with text layer": {
			sign: func(d name.Digest) error { return p.trusted.Sign(d, token) },
			copy: func(t *testing.T, from, to name.Digest) {
				layer := static.NewLayer(bundleOf(t, from), types.MediaType("text/plain"))
				must(t, cosignoci.WriteReferrer(to, bundleType, []v1.Layer{layer}, nil))
			},
			want: `not a bundle: media type is "text/plain"`,
		},
		"tag": {
			sign: func(d name.Digest) error { return p.trusted.SignTag(d, token) },
			copy: func(t *testing.T, from, to name.Digest) {
				copySignatures(t, from.Context().Name(), hashOf(t, from), hashOf(t, to))
			},
			want: "signature is for digest ",
		},
		"tag, payload edited": {
			sign: func(d name.Digest) error { return p.trusted.SignTag(d, token) },
			copy: editPayload,
			want: "could not verify message",
		},
		"attestation": {
			sign: func(d name.Digest) error { return p.trusted.Attest(d, token, "slsaprovenance1", p.predicate) },
			copy: func(t *testing.T, from, to name.Digest) {
				must(t, p.trusted.Sign(to, token))
				attachRaw(t, to.Context().Name(), hashOf(t, to), bundleOf(t, from))
			},
			more: ", attestations: [{type: slsaprovenance1}]",
			want: "signature is for digest ",
		},
		"attestation at a tag": {
			sign: func(d name.Digest) error { return p.trusted.AttestTag(d, token, "vuln", p.predicate) },
			copy: func(t *testing.T, from, to name.Digest) {
				must(t, p.trusted.SignTag(to, token))
				stored, err := remote.Image(attestationTag(t, from))
				must(t, err)
				must(t, remote.Write(attestationTag(t, to), stored))
			},
			more: ", attestations: [{type: vuln}]",
			want: "signature is for digest ",
		},
		"attestation instead of a signature": {
			sign: func(name.Digest) error { return nil },
			copy: func(t *testing.T, _, to name.Digest) {
				must(t, p.trusted.Attest(to, token, "slsaprovenance1", p.predicate))
			},
			want: ", only attestation https://slsa.dev/provenance/v1",
		},
	}
}

func attestationTag(t *testing.T, image name.Digest) name.Tag {
	t.Helper()
	tag, err := cosignoci.AttestationTag(image)
	must(t, err)
	return tag
}

// editPayload copies a signature of cosign 2 and replaces the digest in its payload.
func editPayload(t *testing.T, from, to name.Digest) {
	t.Helper()
	tag, err := cosignoci.SignatureTag(from)
	must(t, err)
	stored, err := cosignoci.Signatures(tag)
	must(t, err)
	layers, err := stored.Get()
	must(t, err)
	payload, err := layers[0].Payload()
	must(t, err)
	annotations, err := layers[0].Annotations()
	must(t, err)
	edited := strings.ReplaceAll(string(payload), hashOf(t, from).Hex, hashOf(t, to).Hex)
	signature := annotations[cosignstatic.SignatureAnnotationKey]
	layer, err := cosignstatic.NewSignature([]byte(edited), signature, cosignstatic.WithAnnotations(annotations))
	must(t, err)
	writeTag(t, to, layer)
}

// TestRejectsTimestampOfAnotherAttestation: cosign 2 timestamps the whole envelope.
func TestRejectsTimestampOfAnotherAttestation(t *testing.T) {
	t.Parallel()
	p := startServices(t)
	required, token := p.policy(t, ", attestations: [{type: vuln}]"), p.token(t, sigstore.Release)
	repository, digest := p.push(t, referrersTag)
	must(t, p.trusted.SignTag(digest, token))
	for range 2 {
		must(t, p.trusted.AttestTag(digest, token, "vuln", p.predicate))
	}
	checkVerdict(t, repository, required, "")
	stored, err := remote.Image(attestationTag(t, digest))
	must(t, err)
	manifest, err := stored.Manifest()
	must(t, err)
	layers, err := stored.Layers()
	must(t, err)
	const timestamp = cosignstatic.RFC3161TimestampAnnotationKey
	first, second := manifest.Layers[0].Annotations, manifest.Layers[1].Annotations
	first[timestamp] = second[timestamp]
	base := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	changed, err := mutate.Append(base, mutate.Addendum{Layer: layers[0], Annotations: first})
	must(t, err)
	must(t, remote.Write(attestationTag(t, digest), changed))
	checkVerdict(t, repository, required, "hashed messages don't match")
}

// TestKeyAndIdentityAreNotInterchangeable: a rule by key rejects certificates, and the
// other way round.
func TestKeyAndIdentityAreNotInterchangeable(t *testing.T) {
	t.Parallel()
	p := startServices(t)
	trusted, _ := newKeyPairs(t)
	byKey := signedBy(t, trusted)
	repository, digest := p.push(t, referrersTag)
	cosignSign(t, trusted, "true", digest.String())
	checkVerdict(t, repository, byKey, "")
	checkVerdict(t, repository, p.policy(t, ""), "signed with a key, not with a certificate")
	repository, digest = p.push(t, referrersTag)
	must(t, p.trusted.Sign(digest, p.token(t, sigstore.Release)))
	checkVerdict(t, repository, byKey, "expected key signature, not certificate")
}

// TestVerifiesKeyInRekor2: an entry has no time; the timestamp has one.
func TestVerifiesKeyInRekor2(t *testing.T) {
	t.Parallel()
	p := startServices(t)
	trusted, other := newKeyPairs(t)
	repository, digest := p.push(t, referrersTag)
	logRequired := func(log *sigstore.Sigstore) *policy.Policy {
		return parsePolicy(t, trusted, "trustedRoot: "+log.TrustedRoot()+"\nrules: [{match: '**', key: cosign.pub, log: required}]")
	}
	must(t, p.trusted.SignWithKey(digest, other))
	checkVerdict(t, repository, logRequired(p.trusted), "transparency log certificate does not match")
	must(t, p.trusted.SignWithKey(digest, trusted))
	checkVerdict(t, repository, logRequired(p.other), "not enough verified log entries")
	signatures := checkVerdict(t, repository, logRequired(p.trusted), "")
	if len(signatures) != 1 || signatures[0].Time.IsZero() || signatures[0].Certificate != "" {
		t.Errorf("got %+v", signatures)
	}
}
