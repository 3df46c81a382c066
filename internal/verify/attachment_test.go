package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/internal/verify/discovery"
	"github.com/org/linuxkit-action/internal/verify/policy"
	"github.com/org/linuxkit-action/internal/verify/signer"
	ociremote "github.com/sigstore/cosign/v2/pkg/oci/remote"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"google.golang.org/protobuf/encoding/protojson"
)

// attachFunc attaches something to the image with the digest in the repository.
type attachFunc func(s *virtualSigstore, repository string, digest v1.Hash)

// attachmentCase is an attachment, and why the image is refused; "" if it is verified.
type attachmentCase struct {
	attach attachFunc
	want   string
}

// checkCases checks an image of its own for each case.
func checkCases(t *testing.T, s *virtualSigstore, policyText string, cases map[string]attachmentCase) {
	t.Helper()
	p := s.policy(policyText)
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			repository, digest := pushOne(t, name)
			tt.attach(&virtualSigstore{t: t, ca: s.ca, dir: s.dir}, repository, digest)
			verified, err := check(t, repository+":1", p, Enforce)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want == "" && len(verified.Results()[0].Signatures) == 0:
				t.Errorf("no signatures: %+v", verified.Results()[0])
			case tt.want != "" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// otherDigest returns the digest of an image that does not exist.
func otherDigest(digest v1.Hash) v1.Hash {
	digest.Hex = strings.Repeat("0", 8) + digest.Hex[8:]
	return digest
}

// wrongDigest is the error for a statement about otherDigest.
const wrongDigest = "signature is for digest sha256:00000000"

// inValidity returns a time at which certificates of the virtual Sigstore are valid.
func inValidity() time.Time { return time.Now().Add(time.Minute) }

// withBundle attaches the bundle that newBundle returns.
func withBundle(newBundle func(s *virtualSigstore, d v1.Hash) *bundlepb.Bundle) attachFunc {
	return func(s *virtualSigstore, r string, d v1.Hash) { attach(s.t, r, d, newBundle(s, d)) }
}

// byKeys attaches a statement of a predicate type, signed with each of the keys.
func byKeys(predicateType string, keys ...sign.Keypair) attachFunc {
	return func(s *virtualSigstore, r string, d v1.Hash) {
		for _, key := range keys {
			attach(s.t, r, d, s.keyBundle(key, statementOf(predicateType, d)))
		}
	}
}

// byKeyForOther attaches a statement about another image.
func byKeyForOther(predicateType string, key sign.Keypair) attachFunc {
	return withBundle(func(s *virtualSigstore, d v1.Hash) *bundlepb.Bundle {
		return s.keyBundle(key, statementOf(predicateType, otherDigest(d)))
	})
}

// keyless attaches a statement of a predicate type, signed with a certificate.
func keyless(subject, issuer, predicateType string) attachFunc {
	return withBundle(func(s *virtualSigstore, d v1.Hash) *bundlepb.Bundle {
		return s.keylessBundle(subject, issuer, statementOf(predicateType, d), inValidity())
	})
}

// sequence attaches what each of the functions attaches.
func sequence(all ...attachFunc) attachFunc {
	return func(s *virtualSigstore, r string, d v1.Hash) {
		for _, f := range all {
			f(s, r, d)
		}
	}
}

const keylessPolicy = "default: signed\ntrustedRoot: trusted_root.json\n" +
	"rules: [{match: '**', keyless: {issuer: '" + actions + "', subject: " + release + "}, sct: none}]"

// changed attaches a keyless signature that is modified after signing.
func changed(change func(*bundlepb.Bundle, v1.Hash)) attachFunc {
	return withBundle(func(s *virtualSigstore, d v1.Hash) *bundlepb.Bundle {
		b := s.keylessBundle(release, actions, statementOf(signPredicate, d), inValidity())
		change(b, d)
		return b
	})
}

func TestRejectsTamperedKeylessBundles(t *testing.T) {
	t.Parallel()
	s := newVirtualSigstore(t)
	material := func(change func(*bundlepb.VerificationMaterial)) attachFunc {
		return changed(func(b *bundlepb.Bundle, _ v1.Hash) { change(b.VerificationMaterial) })
	}
	checkCases(t, s, keylessPolicy, map[string]attachmentCase{
		"valid": {attach: keyless(release, actions, signPredicate)},
		"no proof of the time": {attach: material(func(m *bundlepb.VerificationMaterial) {
			m.TlogEntries, m.TimestampVerificationData = nil, nil
		}), want: "no proof of the signing time"},
		"timestamp without log entry": {attach: material(func(m *bundlepb.VerificationMaterial) {
			m.TlogEntries = nil
		}), want: "not enough verified log entries"},
		"log entry without timestamp": {attach: material(func(m *bundlepb.VerificationMaterial) { m.TimestampVerificationData = nil })},
		"log entry of another signature": {attach: changed(func(b *bundlepb.Bundle, d v1.Hash) {
			second := s.keylessBundle(release, actions, statementOf(signPredicate, d), inValidity())
			b.VerificationMaterial.TlogEntries = second.VerificationMaterial.TlogEntries
		}), want: "signature does not match"},
		"statement about another image": {attach: withBundle(func(s *virtualSigstore, d v1.Hash) *bundlepb.Bundle {
			return s.keylessBundle(release, actions, statementOf(signPredicate, otherDigest(d)), inValidity())
		}), want: wrongDigest},
		"statement edited": {attach: withBundle(func(s *virtualSigstore, d v1.Hash) *bundlepb.Bundle {
			b := s.keylessBundle(release, actions, statementOf(signPredicate, otherDigest(d)), inValidity())
			b.GetDsseEnvelope().Payload = statementOf(signPredicate, d)
			return b
		}), want: "could not verify envelope"},
		"attestation instead of a signature": {attach: keyless(release, actions, vulnType), want: ", only attestation " + vulnType},
		"truncated": {attach: func(s *virtualSigstore, r string, d v1.Hash) {
			text, _ := protojson.Marshal(s.keylessBundle(release, actions, statementOf(signPredicate, d), inValidity()))
			attachRaw(s.t, r, d, text[:len(text)/2])
		}, want: "malformed bundle"},
		"unknown media type": {attach: changed(func(b *bundlepb.Bundle, _ v1.Hash) {
			b.MediaType = "application/vnd.dev.sigstore.bundle.v9+json"
		}), want: "malformed bundle"},
		"too large": {attach: func(s *virtualSigstore, r string, d v1.Hash) {
			attachRaw(s.t, r, d, []byte(strings.Repeat(" ", 16<<20+1)))
		}, want: "16777217 bytes exceed the limit"},
	})
}

func TestRejectsOtherIdentities(t *testing.T) {
	t.Parallel()
	checkCases(t, newVirtualSigstore(t), keylessPolicy, map[string]attachmentCase{
		"another identity":    {attach: keyless("eve@evil.example", actions, signPredicate), want: `got "eve@evil.example"`},
		"issuer with suffix":  {attach: keyless(release, actions+".evil.example", signPredicate), want: `expected issuer value`},
		"subject with suffix": {attach: keyless(release+".evil.example", actions, signPredicate), want: `expected SAN value`},
		"subject with prefix": {attach: keyless("x"+release, actions, signPredicate), want: `expected SAN value`},
		"another Sigstore": {attach: func(s *virtualSigstore, r string, d v1.Hash) {
			keyless(release, actions, signPredicate)(newVirtualSigstore(s.t), r, d)
		}, want: "not enough verified log entries"},
		"certificate expired": {attach: withBundle(func(s *virtualSigstore, d v1.Hash) *bundlepb.Bundle {
			return s.keylessBundle(release, actions, statementOf(signPredicate, d), time.Now().Add(30*time.Minute))
		}), want: "integrated time outside certificate validity"},
		"key instead of a certificate": {attach: func(s *virtualSigstore, r string, d v1.Hash) {
			byKeys(signPredicate, s.newKey("eve.pub"))(s, r, d)
		}, want: "signed with a key, not with a certificate"},
	})
}

// TestRejectsReferrersOfWrongMediaType: a referrer whose artifact type announces a bundle.
func TestRejectsReferrersOfWrongMediaType(t *testing.T) {
	t.Parallel()
	withTypes := func(layerType, artifactType string) attachFunc {
		return func(s *virtualSigstore, r string, d v1.Hash) {
			text, _ := protojson.Marshal(s.keylessBundle(release, actions, statementOf(signPredicate, d), inValidity()))
			layer := static.NewLayer(text, types.MediaType(layerType))
			must(s.t, ociremote.WriteReferrer(digestIn(s.t, r, d), artifactType, []v1.Layer{layer}, nil))
		}
	}
	checkCases(t, newVirtualSigstore(t), keylessPolicy, map[string]attachmentCase{
		"bundle with text layer": {attach: withTypes("text/plain", bundleType), want: `not a bundle: media type is "text/plain"`},
		"text":                   {attach: withTypes("text/plain", "text/plain"), want: "no signature"},
	})
}

func TestRejectsTamperedSignatureTags(t *testing.T) {
	t.Parallel()
	same := func(d v1.Hash) v1.Hash { return d }
	signed := func(subject string, signedDigest func(v1.Hash) v1.Hash) attachFunc {
		return func(s *virtualSigstore, r string, d v1.Hash) { s.signTag(r, d, signedDigest(d), subject, nil) }
	}
	checkCases(t, newVirtualSigstore(t), keylessPolicy, map[string]attachmentCase{
		"valid":            {attach: signed(release, same)},
		"another identity": {attach: signed("eve@evil.example", same), want: "expected SAN value"},
		"of another image": {attach: signed(release, otherDigest), want: wrongDigest},
		"payload edited": {attach: func(s *virtualSigstore, r string, d v1.Hash) {
			s.signTag(r, d, otherDigest(d), release, func(text []byte) []byte {
				return []byte(strings.ReplaceAll(string(text), otherDigest(d).Hex, d.Hex))
			})
		}, want: "could not verify message"},
	})
}

func TestExpressionsMatchWholeSubjects(t *testing.T) {
	t.Parallel()
	expression := strings.Replace(keylessPolicy, "subject: "+release, `subjectRegExp: '^[a-z]+@acme\.example$'`, 1)
	checkCases(t, newVirtualSigstore(t), expression, map[string]attachmentCase{
		"match":       {attach: keyless("build@acme.example", actions, signPredicate)},
		"suffix":      {attach: keyless("build@acme.example.evil.example", actions, signPredicate), want: "match regex"},
		"escaped dot": {attach: keyless("build@acmeXexample", actions, signPredicate), want: "match regex"},
	})
}

func TestRequiresThresholdOfKeys(t *testing.T) {
	t.Parallel()
	s := newVirtualSigstore(t)
	a, b, eve := s.newKey("a.pub"), s.newKey("b.pub"), s.newKey("eve.pub")
	s.newKey("c.pub")
	by := func(keys ...sign.Keypair) attachFunc { return byKeys(signPredicate, keys...) }
	checkCases(t, s, "rules: [{match: '**', key: a.pub}]", map[string]attachmentCase{
		"by the key":       {attach: by(a)},
		"by another key":   {attach: by(eve), want: "no signature by key a.pub: "},
		"by both":          {attach: by(eve, a)},
		"of another image": {attach: byKeyForOther(signPredicate, a), want: wrongDigest},
		"keyless":          {attach: keyless(release, actions, signPredicate), want: "expected key signature, not certificate"},
	})
	checkCases(t, s, "rules: [{match: '**', keys: [a.pub, b.pub, c.pub], threshold: 2}]", map[string]attachmentCase{
		"two of three":        {attach: by(a, b)},
		"one of three":        {attach: by(a), want: "no signature by 2 of key a.pub, key b.pub, key c.pub (1 found)"},
		"one twice":           {attach: by(a, a), want: "(1 found)"},
		"one and another key": {attach: by(eve, b), want: "(1 found)"},
	})
	checkCases(t, s, "rules: [{match: '**', keys: [a.pub, b.pub]}]", map[string]attachmentCase{
		"all":     {attach: by(b, a)},
		"not all": {attach: by(b), want: "(1 found)"},
	})
}

func TestRequiresAttestations(t *testing.T) {
	t.Parallel()
	s := newVirtualSigstore(t)
	key, eve := s.newKey("a.pub"), s.newKey("eve.pub")
	signed := byKeys(signPredicate, key)
	checkCases(t, s, "rules: [{match: '**', key: a.pub, attestations: [{type: slsaprovenance1}]}]", map[string]attachmentCase{
		"valid":            {attach: sequence(signed, byKeys(provenanceType, key))},
		"another type":     {attach: sequence(signed, byKeys(vulnType, key)), want: "no attestation " + provenanceType + " by key a.pub"},
		"of another image": {attach: sequence(signed, byKeyForOther(provenanceType, key)), want: wrongDigest},
		"by another key":   {attach: sequence(signed, byKeys(provenanceType, eve)), want: "could not verify envelope"},
		"attestation only": {attach: byKeys(provenanceType, key), want: "no signature by key a.pub"},
	})
}

// TestIndexOrPlatformMayBeSignedByBundle: a bundle of the index does not cover a platform
// image that is in another index.
func TestIndexOrPlatformMayBeSignedByBundle(t *testing.T) {
	t.Parallel()
	s := newVirtualSigstore(t)
	key := s.newKey("a.pub")
	p := s.policy("rules: [{match: '**', key: a.pub}]")
	type digests struct{ index, platform, earlier v1.Hash }
	for name, tt := range map[string]struct {
		choose func(d digests) (at, signed v1.Hash)
		want   string
	}{
		"index":    {choose: func(d digests) (at, signed v1.Hash) { return d.index, d.index }},
		"platform": {choose: func(d digests) (at, signed v1.Hash) { return d.platform, d.platform }},
		"earlier index": {
			choose: func(d digests) (at, signed v1.Hash) { return d.earlier, d.earlier },
			want:   "no signature",
		},
		"earlier index, moved to this one": {
			choose: func(d digests) (at, signed v1.Hash) { return d.index, d.earlier },
			want:   "signature is for digest ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			repository := image.Serve(t, nil) + "/web"
			var d digests
			d.earlier, _ = pushIndex(t, repository, "earlier")
			d.index, d.platform = pushIndex(t, repository, "now")
			at, signed := tt.choose(d)
			attach(t, repository, at, s.keyBundle(key, statementOf(signPredicate, signed)))
			_, err := check(t, repository+":1", p, Enforce)
			if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// pushIndex pushes an index with one image for amd64 and returns the digests of both.
func pushIndex(t *testing.T, repository, content string) (index, platform v1.Hash) {
	t.Helper()
	made := newImage(t, content)
	platform = image.Push(t, made, repository+":amd64")
	amd64 := v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}
	list := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: made, Descriptor: amd64})
	image.PushIndex(t, list, repository+":1")
	index, err := list.Digest()
	must(t, err)
	return index, platform
}

// TestFindsReferrersByAPIAndByTag: a registry without the referrers API has a tag.
func TestFindsReferrersByAPIAndByTag(t *testing.T) {
	t.Parallel()
	s := newVirtualSigstore(t)
	key, eve := s.newKey("a.pub"), s.newKey("eve.pub")
	p := s.policy("rules: [{match: '**', key: a.pub}]")
	for _, api := range []bool{true, false} {
		repository := image.Serve(t, func(http.Handler) http.Handler {
			return registry.New(registry.WithReferrersSupport(api), registry.Logger(log.New(io.Discard, "", 0)))
		}) + "/web"
		digest := image.Push(t, newImage(t, "1"), repository+":1")
		attach(t, repository, digest, s.keyBundle(eve, statementOf(signPredicate, digest)))
		if _, err := check(t, repository+":1", p, Enforce); !errors.Is(err, ErrRefused) {
			t.Errorf("referrers API %v, signed by another key: %v", api, err)
		}
		attach(t, repository, digest, s.keyBundle(key, statementOf(signPredicate, digest)))
		if _, err := check(t, repository+":1", p, Enforce); err != nil {
			t.Errorf("referrers API %v: %v", api, err)
		}
	}
}

// TestReportsSignerCertificateAndTime: the time is that of the log.
func TestReportsSignerCertificateAndTime(t *testing.T) {
	t.Parallel()
	s := newVirtualSigstore(t)
	repository, digest := pushOne(t, "1")
	b := s.keylessBundle(release, actions, statementOf(signPredicate, digest), inValidity())
	b.VerificationMaterial.TimestampVerificationData = nil
	attach(t, repository, digest, b)
	verified, err := check(t, repository+":1", s.policy(keylessPolicy), Enforce)
	must(t, err)
	sum := sha256.Sum256(b.VerificationMaterial.GetCertificate().RawBytes)
	want := signer.Signature{
		Signer:      release + " (by " + actions + ")",
		Certificate: hex.EncodeToString(sum[:]),
		Time:        time.Unix(b.VerificationMaterial.TlogEntries[0].IntegratedTime, 0).UTC(),
		Digest:      digest.String(),
	}
	got := verified.Results()[0]
	if len(got.Signatures) != 1 || got.Signatures[0] != want || got.Signer != want.Signer {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// FuzzBundle: whatever an attacker attaches does not count.
func FuzzBundle(f *testing.F) {
	s := newVirtualSigstore(f)
	s.newKey("a.pub")
	image := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("a", 64)}
	for _, b := range []*bundlepb.Bundle{
		newVirtualSigstore(f).keylessBundle(release, actions, statementOf(signPredicate, image), inValidity()),
		s.keyBundle(s.newKey("eve.pub"), statementOf(signPredicate, image)),
	} {
		text, err := protojson.Marshal(b)
		must(f, err)
		f.Add(text)
	}
	p := s.policy("trustedRoot: trusted_root.json\nrules: [{match: a/a, key: a.pub, log: required}, {match: b/b, key: a.pub}, " +
		"{match: c/c, keyless: {issuer: i, subjectRegExp: ^.*$}}]")
	c := &checker{policy: p}
	f.Fuzz(func(t *testing.T, text []byte) {
		var a discovery.Attachment
		a.Bundle = &bundle.Bundle{}
		a.Err = a.Bundle.UnmarshalJSON(text)
		for i := range p.Rules {
			rule := &p.Rules[i]
			count := newSignatureCount(signatureRequired, rule, c.signerOptions(rule))
			if err := count.verify(t.Context(), a, image); err != nil || count.reached() {
				t.Errorf("%v, %v", count.signatures, err)
			}
		}
	})
}

// verifyFirst verifies an attachment with the first signer of a policy.
func verifyFirst(t *testing.T, p *policy.Policy, a discovery.Attachment, image v1.Hash) (signer.Signature, error) {
	t.Helper()
	return p.Rules[0].Signers()[0].Verify(t.Context(), a, image, (&checker{policy: p}).signerOptions(&p.Rules[0]))
}
