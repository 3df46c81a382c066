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
	cosignoci "github.com/sigstore/cosign/v2/pkg/oci/remote"
	cosignstatic "github.com/sigstore/cosign/v2/pkg/oci/static"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// TestRealLiesAboutIdentities: Fulcio certifies each, and the log has it. Only the policy
// tells who is who.
func TestRealLiesAboutIdentities(t *testing.T) {
	t.Parallel()
	p := realParts(t)
	issuers, release := p.ours.Issuers, sigstore.Release
	as := func(change func(*sigstore.Workflow)) sigstore.Workflow {
		who := release
		change(&who)
		return who
	}
	type identity struct {
		issuer string
		who    sigstore.Workflow
		want   string
	}
	together(t, map[string]identity{
		"the truth":              {issuers.Actions, release, ""},
		"other repository":       {issuers.Actions, as(func(w *sigstore.Workflow) { w.Repository = "eve/web" }), `got "https://github.com/eve/web/`},
		"look-alike issuer":      {issuers.LookAlike, release, `expected issuer value "` + issuers.Actions + `", got "` + issuers.LookAlike + `"`},
		"subject with a suffix":  {issuers.Actions, as(func(w *sigstore.Workflow) { w.Ref += ".1" }), `@refs/tags/v1.1"`},
		"subject with a prefix":  {issuers.Actions, as(func(w *sigstore.Workflow) { w.Repository = "x" + w.Repository }), `got "https://github.com/xacme/web/`},
		"subject within another": {issuers.Actions, as(func(w *sigstore.Workflow) { w.Repository = "eve/web/github.com/" + w.Repository }), `got "https://github.com/eve/web/github.com/acme/web/`},
	}, func(t *testing.T, tt identity) {
		token, err := issuers.Token(tt.issuer, tt.who)
		must(t, err)
		for _, sign := range []func(name.Digest, string) error{p.ours.Sign, p.ours.SignTag} {
			repository, digest := p.push(t, byTag)
			must(t, sign(digest, token))
			expect(t, repository, p.policy(t, ""), tt.want)
		}
	})
}

// TestRealSigstoreOfOthers: it certifies the same identities, and the policy does not know
// it.
func TestRealSigstoreOfOthers(t *testing.T) {
	t.Parallel()
	p := realParts(t)
	for want, sign := range map[string]func(name.Digest, string) error{
		"not enough verified log entries":         p.theirs.Sign,
		"certificate signed by unknown authority": p.theirs.SignTag,
	} {
		repository, digest := p.push(t, byTag)
		must(t, sign(digest, p.token(t, sigstore.Release)))
		expect(t, repository, p.policy(t, ""), want)
	}
}

// TestRealAuthoritiesOfOthers: all is real but one of the authorities, which is one that
// the policy does not trust.
func TestRealAuthoritiesOfOthers(t *testing.T) {
	t.Parallel()
	p := realParts(t)
	repository, digest := p.push(t, byList)
	must(t, p.ours.Sign(digest, p.token(t, sigstore.Release)))
	for _, tt := range []struct{ ours, theirs, want string }{
		{"certificateAuthorities", "certificateAuthorities", "failed to verify leaf certificate"},
		{"timestampAuthorities", "timestampAuthorities", "pkcs7: No certificate for signer"},
		{"tlogs", "tlogs", "not enough verified log entries"},
		{"ctlogs", "tlogs", "only able to verify 0 SCT entries"}, // Fulcio must tell its CT log, where there is one
	} {
		root := rootWith(t, p.ours.TrustedRoot(), tt.ours, p.theirs.TrustedRoot(), tt.theirs)
		expect(t, repository, p.policyOf(t, root, "subject: '"+sigstore.Release.Subject()+"'", ""), tt.want)
	}
	expect(t, repository, p.policy(t, ""), "")
}

// rootWith makes a trusted root of one, in which authorities of another stand for its own.
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

// TestRealBundlesSpoiled: of an image that is signed, and logged, twice.
func TestRealBundlesSpoiled(t *testing.T) {
	t.Parallel()
	p := realParts(t)
	token := p.token(t, sigstore.Release)
	made := image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "spoiled")))
	signedIn := func(sign func(name.Digest, string) error) *bundlepb.Bundle {
		repository := p.repository(byList)
		digest := digestIn(t, repository, image.Push(t, made, repository+":1"))
		must(t, sign(digest, token))
		b := &bundlepb.Bundle{}
		must(t, protojson.Unmarshal(bundleOf(t, digest), b))
		return b
	}
	second, first, theirs := signedIn(p.ours.Sign), signedIn(p.ours.Sign), signedIn(p.theirs.Sign)
	changed := func(change func(*bundlepb.VerificationMaterial)) []byte {
		b := &bundlepb.Bundle{}
		text, err := protojson.Marshal(first)
		must(t, err)
		must(t, protojson.Unmarshal(text, b))
		change(b.VerificationMaterial)
		text, err = protojson.Marshal(b)
		must(t, err)
		return text
	}
	whole := changed(func(*bundlepb.VerificationMaterial) {})
	for lie, tt := range map[string]struct {
		bundle []byte
		want   string
	}{
		"the truth": {whole, ""},
		"truncated": {whole[:len(whole)/2], "cannot be read"},
		"log entry of another signature": {changed(func(m *bundlepb.VerificationMaterial) {
			m.TlogEntries = second.VerificationMaterial.TlogEntries
		}), "transparency log signature does not match"},
		"entry at another place": {changed(func(m *bundlepb.VerificationMaterial) {
			m.TlogEntries[0].InclusionProof = second.VerificationMaterial.TlogEntries[0].InclusionProof
			m.TlogEntries[0].LogIndex = second.VerificationMaterial.TlogEntries[0].LogIndex
		}), "failed to verify log inclusion"},
		"checkpoint of another log": {changed(func(m *bundlepb.VerificationMaterial) {
			m.TlogEntries[0].InclusionProof.Checkpoint = theirs.VerificationMaterial.TlogEntries[0].InclusionProof.Checkpoint
		}), "failed to verify log inclusion"},
		"entry without a proof": {changed(func(m *bundlepb.VerificationMaterial) {
			m.TlogEntries[0].InclusionProof = nil
		}), "cannot be read"},
		"entry with a time that the log did not give": {changed(func(m *bundlepb.VerificationMaterial) {
			m.TlogEntries[0].IntegratedTime = 1
			m.TimestampVerificationData = nil
		}), "nothing proves when it was signed"},
		"entry without a timestamp": {changed(func(m *bundlepb.VerificationMaterial) {
			m.TimestampVerificationData = nil
		}), "nothing proves when it was signed: it has no timestamp, and no log entry with a time"},
		"timestamp of another signature": {changed(func(m *bundlepb.VerificationMaterial) {
			m.TimestampVerificationData = second.VerificationMaterial.TimestampVerificationData
		}), "hashed messages don't match"},
		"timestamp by another authority": {changed(func(m *bundlepb.VerificationMaterial) {
			m.TimestampVerificationData = theirs.VerificationMaterial.TimestampVerificationData
		}), "pkcs7: No certificate for signer"},
		"certificate of another signature": {changed(func(m *bundlepb.VerificationMaterial) {
			m.Content = second.VerificationMaterial.Content
		}), "transparency log certificate does not match"},
		"certificate of another signature, not logged": {changed(func(m *bundlepb.VerificationMaterial) {
			m.Content, m.TlogEntries = second.VerificationMaterial.Content, nil
		}), "could not verify envelope"},
		"timestamp alone": {changed(func(m *bundlepb.VerificationMaterial) { m.TlogEntries = nil }), ""},
	} {
		t.Run(lie, func(t *testing.T) {
			t.Parallel()
			repository := p.repository(byTag)
			digest := image.Push(t, made, repository+":1")
			attachRaw(t, repository, digest, tt.bundle)
			expect(t, repository, p.policy(t, ""), tt.want)
		})
	}
}

// TestRealBundlesMoved: from the image that is signed to one that is not.
func TestRealBundlesMoved(t *testing.T) {
	t.Parallel()
	p := realParts(t)
	token := p.token(t, sigstore.Release)
	type moved struct {
		sign func(name.Digest) error
		move func(*testing.T, name.Digest, name.Digest)
		more string // of the rule
		want string
	}
	together(t, map[string]moved{
		"bundle": {
			sign: func(d name.Digest) error { return p.ours.Sign(d, token) },
			move: func(t *testing.T, from, to name.Digest) {
				attachRaw(t, to.Context().Name(), hashOf(t, to), bundleOf(t, from))
			},
			want: "it is for other bytes",
		},
		"bundle, called text": {
			sign: func(d name.Digest) error { return p.ours.Sign(d, token) },
			move: func(t *testing.T, from, to name.Digest) {
				layer := static.NewLayer(bundleOf(t, from), types.MediaType("text/plain"))
				must(t, cosignoci.WriteReferrer(to, bundleType, []v1.Layer{layer}, nil))
			},
			want: `is no bundle: its media type is "text/plain"`,
		},
		"tag": {
			sign: func(d name.Digest) error { return p.ours.SignTag(d, token) },
			move: func(t *testing.T, from, to name.Digest) {
				moveSignatures(t, from.Context().Name(), hashOf(t, from), hashOf(t, to))
			},
			want: "it is for other bytes",
		},
		"tag, payload edited": {
			sign: func(d name.Digest) error { return p.ours.SignTag(d, token) },
			move: editPayload,
			want: "could not verify message",
		},
		"attestation": {
			sign: func(d name.Digest) error { return p.ours.Attest(d, token, "slsaprovenance1", p.predicate) },
			move: func(t *testing.T, from, to name.Digest) {
				must(t, p.ours.Sign(to, token))
				attachRaw(t, to.Context().Name(), hashOf(t, to), bundleOf(t, from))
			},
			more: ", attestations: [{type: slsaprovenance1}]",
			want: "it is for other bytes",
		},
		"attestation at a tag": {
			sign: func(d name.Digest) error { return p.ours.AttestTag(d, token, "vuln", p.predicate) },
			move: func(t *testing.T, from, to name.Digest) {
				must(t, p.ours.SignTag(to, token))
				stored, err := remote.Image(attestationTag(t, from))
				must(t, err)
				must(t, remote.Write(attestationTag(t, to), stored))
			},
			more: ", attestations: [{type: vuln}]",
			want: "it is for other bytes",
		},
		"attestation for a signature": {
			sign: func(name.Digest) error { return nil },
			move: func(t *testing.T, _, to name.Digest) {
				must(t, p.ours.Attest(to, token, "slsaprovenance1", p.predicate))
			},
			want: ", only attestation https://slsa.dev/provenance/v1",
		},
	}, func(t *testing.T, tt moved) {
		repository, digest := p.push(t, byTag)
		other := image.Push(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "other"+repository))), repository+":other")
		from := digestIn(t, repository, other)
		must(t, tt.sign(from))
		tt.move(t, from, digest)
		expect(t, repository, p.policy(t, tt.more), tt.want)
	})
}

func attestationTag(t *testing.T, image name.Digest) name.Tag {
	t.Helper()
	tag, err := cosignoci.AttestationTag(image)
	must(t, err)
	return tag
}

// editPayload moves what cosign 2 has signed, and lets it say that it is for the image.
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
	notes, err := layers[0].Annotations()
	must(t, err)
	edited := strings.ReplaceAll(string(payload), hashOf(t, from).Hex, hashOf(t, to).Hex)
	layer, err := cosignstatic.NewSignature([]byte(edited), notes[cosignstatic.SignatureAnnotationKey], cosignstatic.WithAnnotations(notes))
	must(t, err)
	writeTag(t, to, layer)
}

// TestRealStampOfAnotherAttestation: cosign 2 has the whole of an attestation stamped, so
// the timestamp of one says nothing of another.
func TestRealStampOfAnotherAttestation(t *testing.T) {
	t.Parallel()
	p := realParts(t)
	policy, token := p.policy(t, ", attestations: [{type: vuln}]"), p.token(t, sigstore.Release)
	repository, digest := p.push(t, byTag)
	must(t, p.ours.SignTag(digest, token))
	for range 2 {
		must(t, p.ours.AttestTag(digest, token, "vuln", p.predicate))
	}
	expect(t, repository, policy, "")
	stored, err := remote.Image(attestationTag(t, digest))
	must(t, err)
	manifest, err := stored.Manifest()
	must(t, err)
	layers, err := stored.Layers()
	must(t, err)
	const stamp = cosignstatic.RFC3161TimestampAnnotationKey
	first, second := manifest.Layers[0].Annotations, manifest.Layers[1].Annotations
	first[stamp] = second[stamp]
	changed, err := mutate.Append(mutate.MediaType(empty.Image, types.OCIManifestSchema1), mutate.Addendum{Layer: layers[0], Annotations: first})
	must(t, err)
	must(t, remote.Write(attestationTag(t, digest), changed))
	expect(t, repository, policy, "hashed messages don't match")
}

// TestRealKeysAndIdentities: neither goes for the other.
func TestRealKeysAndIdentities(t *testing.T) {
	t.Parallel()
	p := realParts(t)
	ours, _ := keys(t)
	byKey := mustSign(t, ours)
	repository, digest := p.push(t, byTag)
	cosign(t, ours, "sign", "--key", "cosign.key", "--tlog-upload=false", "--new-bundle-format=true", digest.String())
	expect(t, repository, byKey, "")
	expect(t, repository, p.policy(t, ""), "it is signed with a key, not with a certificate for an identity")
	repository, digest = p.push(t, byTag)
	must(t, p.ours.Sign(digest, p.token(t, sigstore.Release)))
	expect(t, repository, byKey, "expected key signature, not certificate")
}

// TestKeyInRekor2: an entry has no time; the timestamp beside it tells it.
func TestKeyInRekor2(t *testing.T) {
	t.Parallel()
	p := realParts(t)
	ours, theirs := keys(t)
	repository, digest := p.push(t, byTag)
	policy := func(trusted *sigstore.Sigstore) *Policy {
		parsed, err := ParsePolicy(filepath.Join(ours, "policy.yml"), []byte("trustedRoot: "+trusted.TrustedRoot()+"\nrules: [{match: '**', key: cosign.pub, log: required}]"))
		must(t, err)
		return parsed
	}
	must(t, p.ours.SignWithKey(digest, theirs))
	expect(t, repository, policy(p.ours), "transparency log certificate does not match")
	must(t, p.ours.SignWithKey(digest, ours))
	expect(t, repository, policy(p.theirs), "not enough verified log entries")
	signatures := expect(t, repository, policy(p.ours), "")
	if len(signatures) != 1 || signatures[0].Time.IsZero() || signatures[0].Certificate != "" {
		t.Errorf("got %+v", signatures)
	}
}
