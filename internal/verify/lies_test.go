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
	"github.com/org/linuxkit-action/internal/verify/attached"
	ociremote "github.com/sigstore/cosign/v2/pkg/oci/remote"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"google.golang.org/protobuf/encoding/protojson"
)

// lie prepares what is attached to the image with the digest in the repository.
type lie struct {
	prepare func(w *world, repository string, digest v1.Hash)
	want    string // of the refusal; "" where it is no lie
}

// told serves an image to each lie and holds it against the policy.
func told(t *testing.T, w *world, policy string, lies map[string]lie) {
	t.Helper()
	parsed := w.policy(policy)
	for name, tt := range lies {
		t.Run(name, func(t *testing.T) {
			repository := image.Serve(t, nil) + "/web"
			digest := image.Push(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("a", name))), repository+":1")
			tt.prepare(&world{t, w.ca, w.dir}, repository, digest)
			verified, err := check(t, repository+":1", parsed, Enforce)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want == "" && len(verified.Results()[0].Signatures) == 0:
				t.Errorf("nobody has signed: %+v", verified.Results()[0])
			case tt.want != "" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// another returns the digest of an image that is not there.
func another(digest v1.Hash) v1.Hash {
	digest.Hex = strings.Repeat("0", 8) + digest.Hex[8:]
	return digest
}

func soon() time.Time { return time.Now().Add(time.Minute) }

// signedBy attaches what cosign 3 makes without a key.
func signedBy(subject, issuer string) func(*world, string, v1.Hash) {
	return func(w *world, r string, d v1.Hash) {
		attach(w.t, r, d, w.keyless(subject, issuer, statement(signPredicate, d), soon()))
	}
}

const keylessPolicy = "default: signed\ntrustedRoot: trusted_root.json\nrules: [{match: '**', keyless: {issuer: '" + actions + "', subject: " + release + "}}]"

func TestLiesAboutIdentities(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	changed := func(change func(*bundlepb.Bundle)) func(*world, string, v1.Hash) {
		return func(w *world, r string, d v1.Hash) {
			b := w.keyless(release, actions, statement(signPredicate, d), soon())
			change(b)
			attach(w.t, r, d, b)
		}
	}
	told(t, w, keylessPolicy, map[string]lie{
		"the truth":         {signedBy(release, actions), ""},
		"other identity":    {signedBy("eve@evil.example", actions), `got "eve@evil.example"`},
		"look-alike issuer": {signedBy(release, actions+".evil.example"), `expected issuer value`},
		"subject, longer":   {signedBy(release+".evil.example", actions), `expected SAN value`},
		"subject, prefixed": {signedBy("x"+release, actions), `expected SAN value`},
		"another Sigstore":  {func(_ *world, r string, d v1.Hash) { signedBy(release, actions)(newWorld(t), r, d) }, "not enough verified log entries"},
		"signed after expiry": {func(w *world, r string, d v1.Hash) {
			attach(w.t, r, d, w.keyless(release, actions, statement(signPredicate, d), time.Now().Add(30*time.Minute)))
		}, "integrated time outside certificate validity"},
		"no proof of the time": {changed(func(b *bundlepb.Bundle) {
			b.VerificationMaterial.TlogEntries, b.VerificationMaterial.TimestampVerificationData = nil, nil
		}), "nothing proves when it was signed"},
		"timestamp without log": {changed(func(b *bundlepb.Bundle) { b.VerificationMaterial.TlogEntries = nil }), ""},
		"log without timestamp": {changed(func(b *bundlepb.Bundle) { b.VerificationMaterial.TimestampVerificationData = nil }), ""},
		"log entry of another signature": {func(w *world, r string, d v1.Hash) {
			b := w.keyless(release, actions, statement(signPredicate, d), soon())
			b.VerificationMaterial.TlogEntries = w.keyless(release, actions, statement(signPredicate, d), soon()).VerificationMaterial.TlogEntries
			attach(w.t, r, d, b)
		}, "signature does not match"},
		"moved here": {func(w *world, r string, d v1.Hash) {
			attach(w.t, r, d, w.keyless(release, actions, statement(signPredicate, another(d)), soon()))
		}, "it is for other bytes (00000000"},
		"statement edited": {func(w *world, r string, d v1.Hash) {
			b := w.keyless(release, actions, statement(signPredicate, another(d)), soon())
			b.GetDsseEnvelope().Payload = statement(signPredicate, d)
			attach(w.t, r, d, b)
		}, "could not verify envelope"},
		"an attestation for a signature": {func(w *world, r string, d v1.Hash) {
			attach(w.t, r, d, w.keyless(release, actions, statement(predicates["vuln"], d), soon()))
		}, ", only attestation " + predicates["vuln"]},
		"truncated bundle": {func(w *world, r string, d v1.Hash) {
			text, _ := protojson.Marshal(w.keyless(release, actions, statement(signPredicate, d), soon()))
			attachRaw(w.t, r, d, text[:len(text)/2])
		}, "cannot be read"},
		"media type within": {changed(func(b *bundlepb.Bundle) { b.MediaType = "application/vnd.dev.sigstore.bundle.v9+json" }), "cannot be read"},
		"huge bundle": {func(w *world, r string, d v1.Hash) {
			attachRaw(w.t, r, d, []byte(strings.Repeat(" ", 16<<20+1)))
		}, "it has 16777217 bytes"},
		"a key's": {func(w *world, r string, d v1.Hash) {
			attach(w.t, r, d, w.byKey(w.newKey("eve.pub"), statement(signPredicate, d)))
		}, "it is signed with a key"},
	})
}

// TestLiesOfWrongMediaType: a referrer that says it is a bundle, and holds something else.
func TestLiesOfWrongMediaType(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	holding := func(layerType, artifactType string) func(*world, string, v1.Hash) {
		return func(w *world, r string, d v1.Hash) {
			text, _ := protojson.Marshal(w.keyless(release, actions, statement(signPredicate, d), soon()))
			layer := static.NewLayer(text, types.MediaType(layerType))
			if err := ociremote.WriteReferrer(digestIn(w.t, r, d), artifactType, []v1.Layer{layer}, nil); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	told(t, w, keylessPolicy, map[string]lie{
		"a bundle called text": {holding("text/plain", bundleType), `is no bundle: its media type is "text/plain"`},
		"something else":       {holding("text/plain", "text/plain"), "it has no signature"},
	})
}

func TestLiesInTheOldLayoutWithoutAKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	told(t, w, keylessPolicy, map[string]lie{
		"the truth":      {func(w *world, r string, d v1.Hash) { w.tag(r, d, d, release, nil) }, ""},
		"other identity": {func(w *world, r string, d v1.Hash) { w.tag(r, d, d, "eve@evil.example", nil) }, "expected SAN value"},
		"moved here":     {func(w *world, r string, d v1.Hash) { w.tag(r, d, another(d), release, nil) }, "it is for other bytes"},
		"payload edited": {func(w *world, r string, d v1.Hash) {
			w.tag(r, d, another(d), release, func(text []byte) []byte {
				return []byte(strings.ReplaceAll(string(text), another(d).Hex, d.Hex))
			})
		}, "could not verify message"},
	})
}

func TestExpressionsMatchWholeIdentities(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	told(t, w, strings.Replace(keylessPolicy, "subject: "+release, `subjectRegExp: '^[a-z]+@acme\.example$'`, 1), map[string]lie{
		"somebody of ours": {signedBy("build@acme.example", actions), ""},
		"longer":           {signedBy("build@acme.example.evil.example", actions), "match regex"},
		"look-alike":       {signedBy("build@acmeXexample", actions), "match regex"},
	})
}

func TestLiesAboutKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, eve := w.newKey("a.pub"), w.newKey("b.pub"), w.newKey("eve.pub")
	w.newKey("c.pub")
	by := func(keys ...sign.Keypair) func(*world, string, v1.Hash) {
		return func(w *world, r string, d v1.Hash) {
			for _, key := range keys {
				attach(w.t, r, d, w.byKey(key, statement(signPredicate, d)))
			}
		}
	}
	told(t, w, "rules: [{match: '**', key: a.pub}]", map[string]lie{
		"the truth": {by(a), ""},
		"other key": {by(eve), "no signature by key a.pub: "},
		"both":      {by(eve, a), ""},
		"moved here": {func(w *world, r string, d v1.Hash) {
			attach(w.t, r, d, w.byKey(a, statement(signPredicate, another(d))))
		}, "it is for other bytes"},
		"without a key": {signedBy(release, actions), "expected key signature, not certificate"},
	})
	told(t, w, "rules: [{match: '**', keys: [a.pub, b.pub, c.pub], threshold: 2}]", map[string]lie{
		"two of three":       {by(a, b), ""},
		"one of three":       {by(a), "no signature by 2 of key a.pub, key b.pub, key c.pub (1 found)"},
		"one, twice":         {by(a, a), "(1 found)"},
		"one and a stranger": {by(eve, b), "(1 found)"},
	})
	told(t, w, "rules: [{match: '**', keys: [a.pub, b.pub]}]", map[string]lie{
		"all":     {by(b, a), ""},
		"not all": {by(b), "(1 found)"},
	})
}

func TestLiesAboutAttestations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key, eve := w.newKey("a.pub"), w.newKey("eve.pub")
	slsa := predicates["slsaprovenance1"]
	with := func(signer sign.Keypair, predicate string, about func(v1.Hash) v1.Hash) func(*world, string, v1.Hash) {
		return func(w *world, r string, d v1.Hash) {
			attach(w.t, r, d, w.byKey(key, statement(signPredicate, d)))
			attach(w.t, r, d, w.byKey(signer, statement(predicate, about(d))))
		}
	}
	itself := func(d v1.Hash) v1.Hash { return d }
	told(t, w, "rules: [{match: '**', key: a.pub, attestations: [{type: slsaprovenance1}]}]", map[string]lie{
		"the truth":       {with(key, slsa, itself), ""},
		"other type":      {with(key, predicates["vuln"], itself), "no attestation " + slsa + " by key a.pub"},
		"another subject": {with(key, slsa, another), "it is for other bytes"},
		"by a stranger":   {with(eve, slsa, itself), "could not verify envelope"},
		"only the attestation": {func(w *world, r string, d v1.Hash) {
			attach(w.t, r, d, w.byKey(key, statement(slsa, d)))
		}, "no signature by key a.pub"},
	})
}

// TestIndexOrImageMayBeSignedByBundle: a bundle at either counts, and one at an index not
// for another index, whose image for the platform is another.
func TestIndexOrImageMayBeSignedByBundle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.newKey("a.pub")
	policy := w.policy("rules: [{match: '**', key: a.pub}]")
	for name, tt := range map[string]struct {
		sign func(r string, index, inner, swapped v1.Hash)
		want string
	}{
		"index": {func(r string, index, _, _ v1.Hash) {
			attach(t, r, index, w.byKey(key, statement(signPredicate, index)))
		}, ""},
		"platform": {func(r string, _, inner, _ v1.Hash) {
			attach(t, r, inner, w.byKey(key, statement(signPredicate, inner)))
		}, ""},
		"swapped": {func(r string, index, _, swapped v1.Hash) {
			attach(t, r, swapped, w.byKey(key, statement(signPredicate, swapped)))
		}, "it has no signature"},
		"swapped, signature moved": {func(r string, index, _, swapped v1.Hash) {
			attach(t, r, index, w.byKey(key, statement(signPredicate, swapped)))
		}, "it is for other bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			repository := image.Serve(t, nil) + "/web"
			swapped, _ := pushIndex(t, repository, "signed before")
			index, inner := pushIndex(t, repository, "now")
			tt.sign(repository, index, inner, swapped)
			_, err := check(t, repository+":1", policy, Enforce)
			if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// pushIndex pushes an index with one image for amd64 and returns the digests of both.
func pushIndex(t *testing.T, repository, content string) (index, inner v1.Hash) {
	t.Helper()
	made := image.Make(t, v1.Config{}, image.Layer(t, image.File("a", content)))
	inner = image.Push(t, made, repository+":amd64")
	list := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: made, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}})
	image.PushIndex(t, list, repository+":1")
	index, err := list.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return index, inner
}

// TestReferrersByListOrByTag: registries have a list of referrers, or what pushes keeps
// one at a tag.
func TestReferrersByListOrByTag(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key, eve := w.newKey("a.pub"), w.newKey("eve.pub")
	policy := w.policy("rules: [{match: '**', key: a.pub}]")
	for _, list := range []bool{true, false} {
		repository := image.Serve(t, func(http.Handler) http.Handler {
			return registry.New(registry.WithReferrersSupport(list), registry.Logger(log.New(io.Discard, "", 0)))
		}) + "/web"
		digest := image.Push(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "1"))), repository+":1")
		attach(t, repository, digest, w.byKey(eve, statement(signPredicate, digest)))
		if _, err := check(t, repository+":1", policy, Enforce); !errors.Is(err, ErrRefused) {
			t.Errorf("list %v, signed by another: %v", list, err)
		}
		attach(t, repository, digest, w.byKey(key, statement(signPredicate, digest)))
		if _, err := check(t, repository+":1", policy, Enforce); err != nil {
			t.Errorf("list %v: %v", list, err)
		}
	}
}

// TestReportNamesWhoAndWhen: subject, issuer, certificate and the time that was proven.
func TestReportNamesWhoAndWhen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	repository := image.Serve(t, nil) + "/web"
	digest := image.Push(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "1"))), repository+":1")
	b := w.keyless(release, actions, statement(signPredicate, digest), soon())
	b.VerificationMaterial.TimestampVerificationData = nil // so that the log's time is the one
	attach(t, repository, digest, b)
	verified, err := check(t, repository+":1", w.policy(keylessPolicy), Enforce)
	if err != nil {
		t.Fatal(err)
	}
	logged := time.Unix(b.VerificationMaterial.TlogEntries[0].IntegratedTime, 0).UTC()
	sum := sha256.Sum256(b.VerificationMaterial.GetCertificate().RawBytes)
	want := Signature{release + " (by " + actions + ")", hex.EncodeToString(sum[:]), logged}
	got := verified.Results()[0]
	if len(got.Signatures) != 1 || got.Signatures[0] != want || got.Signer != want.Signer {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	var table strings.Builder
	if err := ReportOf(verified, nil).WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	if want := "✓ signed by " + want.Signer + " at " + logged.UTC().Format("2006-01-02 15:04:05Z"); !strings.Contains(table.String(), want) {
		t.Errorf("no %q in\n%s", want, table.String())
	}
}

// FuzzBundle: whatever a stranger attaches is refused, and nothing breaks.
func FuzzBundle(f *testing.F) {
	w := newWorld(f)
	w.newKey("a.pub")
	image := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("a", 64)}
	for _, b := range []*bundlepb.Bundle{
		newWorld(f).keyless(release, actions, statement(signPredicate, image), soon()),
		w.byKey(w.newKey("eve.pub"), statement(signPredicate, image)),
	} {
		text, err := protojson.Marshal(b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	policy := w.policy("trustedRoot: trusted_root.json\nrules: [{match: a/a, key: a.pub, log: required}, {match: b/b, key: a.pub}, {match: c/c, keyless: {issuer: i, subjectRegExp: ^.*$}}]")
	f.Fuzz(func(t *testing.T, text []byte) {
		var a attached.Attachment
		a.Bundle = &bundle.Bundle{}
		a.Err = a.Bundle.UnmarshalJSON(text)
		for i := range policy.Rules {
			rule := &policy.Rules[i]
			count := &tally{claim: signed, rule: rule, demands: policy.demands(rule), by: map[string]Signature{}}
			if err := count.hold(t.Context(), a, image); err != nil || count.met() {
				t.Errorf("%v, %v", count.by, err)
			}
		}
	})
}
