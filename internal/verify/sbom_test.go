package verify

import (
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/fixtures/registry"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/progress"
	"github.com/org/linuxkit-action/internal/verify/discovery"
	"github.com/org/linuxkit-action/internal/verify/policy"
	"github.com/org/linuxkit-action/internal/verify/signer"
	"github.com/sigstore/cosign/v2/pkg/oci/mutate"
	ociremote "github.com/sigstore/cosign/v2/pkg/oci/remote"
	"github.com/sigstore/cosign/v2/pkg/oci/static"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"google.golang.org/protobuf/encoding/protojson"
)

const spdxType = "https://spdx.dev/Document"

// noteRecorder is a reporter that records notes.
type noteRecorder struct {
	progress.Reporter
	text strings.Builder
}

func (n *noteRecorder) Note(format string, args ...any) { fmt.Fprintf(&n.text, format+"\n", args...) }

// sbomsOf returns the SBOMs of one component, and the notes.
func sbomsOf(t *testing.T, reference string, p *policy.Policy) ([]SBOM, string) {
	t.Helper()
	verified, err := check(t, reference, p, Warn)
	must(t, err)
	recorder := &noteRecorder{Reporter: progress.Silent()}
	found, err := verified.SBOMs(t.Context(), recorder)
	must(t, err)
	return found[0], recorder.text.String()
}

// TestSkipsSBOMsThatDoNotCount: with a note, if they are SBOMs.
func TestSkipsSBOMsThatDoNotCount(t *testing.T) {
	t.Parallel()
	s := newVirtualSigstore(t)
	a, b, eve := s.newKey("a.pub"), s.newKey("b.pub"), s.newKey("eve.pub")
	s.newKey("c.pub")
	const oneKey, twoOfThree = "rules: [{match: '**', key: a.pub}]", "rules: [{match: '**', keys: [a.pub, b.pub, c.pub], threshold: 2}]"
	const notByKey, oneOfTwo = "no attestation " + spdxType + " by key a.pub: ", "signed by 1 of 2 required signers"
	edited := withBundle(func(s *virtualSigstore, d v1.Hash) *bundlepb.Bundle {
		b := s.keyBundle(a, statementOf(spdxType, otherDigest(d)))
		b.GetDsseEnvelope().Payload = statementOf(spdxType, d)
		return b
	})
	truncated := func(s *virtualSigstore, r string, d v1.Hash) {
		text, _ := protojson.Marshal(s.keyBundle(a, statementOf(spdxType, d)))
		attachRaw(s.t, r, d, text[:len(text)/2])
	}
	for name, tt := range map[string]struct {
		policy string
		attach attachFunc
		sboms  int
		note   string
	}{
		"SPDX":                       {policy: oneKey, attach: byKeys(spdxType, a), sboms: 1},
		"SPDX with version":          {policy: oneKey, attach: byKeys(spdxType+"/v2.3", a), sboms: 1},
		"CycloneDX":                  {policy: oneKey, attach: byKeys("https://cyclonedx.org/bom/v1.6", a), sboms: 1},
		"nothing attached":           {policy: oneKey, attach: sequence()},
		"another attestation":        {policy: oneKey, attach: byKeys(vulnType, a)},
		"signature":                  {policy: oneKey, attach: byKeys(signPredicate, a)},
		"type with suffix":           {policy: oneKey, attach: byKeys(spdxType+"s", a)},
		"by another key":             {policy: oneKey, attach: byKeys(spdxType, eve), note: notByKey},
		"by both keys":               {policy: oneKey, attach: byKeys(spdxType, eve, a), sboms: 1, note: notByKey},
		"by one of three":            {policy: twoOfThree, attach: byKeys(spdxType, a), note: oneOfTwo},
		"by one of three, twice":     {policy: twoOfThree, attach: byKeys(spdxType, a, a), note: oneOfTwo},
		"by one and another key":     {policy: twoOfThree, attach: byKeys(spdxType, a, eve), note: oneOfTwo},
		"by two of three":            {policy: twoOfThree, attach: byKeys(spdxType, a, b), sboms: 1},
		"two different, one by each": {policy: twoOfThree, attach: sequence(byKeys(spdxType, a), byKeys(spdxType+"/v2.3", b)), note: oneOfTwo},
		"of another image":           {policy: oneKey, attach: byKeyForOther(spdxType, a), note: wrongDigest},
		"edited":                     {policy: oneKey, attach: edited, note: "could not verify envelope"},
		"truncated":                  {policy: oneKey, attach: truncated, note: "malformed bundle"},
		"another identity":           {policy: keylessPolicy, attach: keyless("eve@evil.example", actions, spdxType), note: `got "eve@`},
		"keyless":                    {policy: keylessPolicy, attach: keyless(release, actions, spdxType), sboms: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repository, digest := pushOne(t, name)
			tt.attach(&virtualSigstore{t: t, ca: s.ca, dir: s.dir}, repository, digest)
			sboms, notes := sbomsOf(t, repository+":1", s.policy(tt.policy))
			if len(sboms) != tt.sboms || (notes == "") != (tt.note == "") || !strings.Contains(notes, tt.note) {
				t.Errorf("%d SBOMs, notes %q", len(sboms), notes)
			}
		})
	}
}

// TestCosignVerifiesKeptSBOMs: of attestations by cosign, in both layouts and formats.
func TestCosignVerifiesKeptSBOMs(t *testing.T) {
	t.Parallel()
	trusted, other := newKeyPairs(t)
	const root = `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}` // no authorities: a key needs none
	for _, file := range []string{"sbom.json", "root.json"} {
		must(t, os.WriteFile(filepath.Join(trusted, file), []byte(root), 0o600))
	}
	repository, digest := pushOne(t, "1")
	image := repository + "@" + digest.String()
	cosignAttest(t, trusted, "false", "spdxjson", "sbom.json", image)
	cosignAttest(t, trusted, "true", "cyclonedx", "sbom.json", image)
	want := map[string]string{}
	for _, location := range discovery.AttestationLocations {
		found, err := discovery.Find(t.Context(), digestIn(t, repository, digest), location, nil)
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %d found, %v", location, len(found), err)
		}
		material, err := signer.VerifiedMaterial(t.Context(), found[0], signer.Options{})
		must(t, err)
		file, err := found[0].File(material)
		must(t, err)
		want[digestOf(file)] = string(file)
	}
	sboms, notes := sbomsOf(t, repository+":1", signedBy(t, trusted))
	if len(sboms) != 2 || notes != "" {
		t.Fatalf("%d SBOMs, notes %q", len(sboms), notes)
	}
	for _, s := range sboms {
		if want[s.SHA256] != string(s.Content) {
			t.Errorf("%s differs from the attachment", s.Format)
		}
		must(t, os.WriteFile(filepath.Join(trusted, s.Format), s.Content, 0o600))
	}
	subject := []string{"--insecure-ignore-tlog", "--digest", digest.Hex, "--digestAlg", "sha256", "--key", "cosign.pub"}
	envelope := []string{"verify-blob-attestation", "--type", "spdxjson", "--signature", SPDX}
	bundled := []string{
		"verify-blob-attestation", "--type", "cyclonedx", "--bundle", CycloneDX, "--new-bundle-format", "--trusted-root", "root.json",
	}
	cosign(t, trusted, append(envelope, subject...)...)
	cosign(t, trusted, append(bundled, subject...)...)
	sboms, notes = sbomsOf(t, repository+":1", signedBy(t, other))
	if len(sboms) != 0 || strings.Count(notes, "SBOM of "+repository+":1 skipped: ") != 2 {
		t.Errorf("by another key: %d SBOMs, notes %q", len(sboms), notes)
	}
}

// tagAttestation attaches a bundle in cosign 2's layout: certificate and log entry are
// annotations beside the envelope.
func tagAttestation(t *testing.T, image name.Digest, b *bundlepb.Bundle) {
	t.Helper()
	envelope, err := protojson.Marshal(b.GetDsseEnvelope())
	must(t, err)
	m := b.VerificationMaterial
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.GetCertificate().RawBytes})
	layer, err := static.NewAttestation(envelope, static.WithBundle(rekorBundle(m.TlogEntries[0])), static.WithCertChain(certificate, nil))
	must(t, err)
	entity, err := ociremote.SignedEntity(image)
	must(t, err)
	attested, err := mutate.AttachAttestationToEntity(entity, layer)
	must(t, err)
	must(t, ociremote.WriteAttestations(image.Repository, attested))
}

// TestKeepsCertificateWithEnvelope: an envelope alone could not be verified again where its
// certificate is an annotation.
func TestKeepsCertificateWithEnvelope(t *testing.T) {
	t.Parallel()
	s := newVirtualSigstore(t)
	repository, digest := pushOne(t, "1")
	tagAttestation(t, digestIn(t, repository, digest), s.keylessBundle(release, actions, statementOf(spdxType, digest), inValidity()))
	p := s.policy(keylessPolicy)
	sboms, notes := sbomsOf(t, repository+":1", p)
	if len(sboms) != 1 || notes != "" {
		t.Fatalf("%d SBOMs, notes %q", len(sboms), notes)
	}
	var b bundle.Bundle
	must(t, b.UnmarshalJSON(sboms[0].Content))
	signature, err := verifyFirst(t, p, discovery.Attachment{Bundle: &b}, digest)
	must(t, err)
	if signature.Signer != release+" (by "+actions+")" || signature.Certificate == "" || signature.Time.IsZero() {
		t.Errorf("got %+v", signature)
	}
	again, _ := sbomsOf(t, repository+":1", p)
	if again[0].SHA256 != sboms[0].SHA256 {
		t.Error("the second search returns another file")
	}
}

// TestSBOMsAreSorted: those of the index and of the platform image, each statement once, in
// whatever order they are attached.
func TestSBOMsAreSorted(t *testing.T) {
	t.Parallel()
	s := newVirtualSigstore(t)
	key := s.newKey("a.pub")
	p := s.policy("rules: [{match: '**', key: a.pub}]")
	type attestation struct {
		image  v1.Hash
		bundle *bundlepb.Bundle
	}
	var attestations []attestation
	var orders [][]string
	for range 2 {
		repository := image.Serve(t, nil) + "/web"
		index, platform := pushIndex(t, repository, "1")
		if attestations == nil {
			for _, d := range []v1.Hash{index, platform, platform} {
				attestations = append(attestations, attestation{d, s.keyBundle(key, statementOf(spdxType, d))})
			}
		}
		for _, a := range attestations {
			attach(t, repository, a.image, a.bundle)
		}
		slices.Reverse(attestations)
		sboms, _ := sbomsOf(t, repository+":1", p)
		var order []string
		for _, s := range sboms {
			order = append(order, s.SHA256)
		}
		if len(order) != 2 || !slices.IsSorted(order) {
			t.Errorf("got %v", order)
		}
		orders = append(orders, order)
	}
	if !slices.Equal(orders[0], orders[1]) {
		t.Errorf("%v", orders)
	}
}

// TestSBOMsNeedARule: without a rule there are no signers, and no request. With one, an
// unavailable registry is an error.
func TestSBOMsNeedARule(t *testing.T) {
	t.Parallel()
	trusted, _ := newKeyPairs(t)
	var requests atomic.Int32
	repository := image.Serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, ".att") {
				requests.Add(1)
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			next.ServeHTTP(w, r)
		})
	}) + "/web"
	digest := image.Push(t, newImage(t, "1"), repository+":1")
	signWith(t, repository+"@"+digest.String(), trusted)
	verified, err := check(t, repository+":1", signedBy(t, trusted), Enforce)
	if err != nil || requests.Load() != 0 {
		t.Fatalf("Check sends %d requests for attestations that no rule requires: %v", requests.Load(), err)
	}
	for mode, p := range map[string]*policy.Policy{Off: nil, Warn: {Default: policy.RequireDigest}} {
		without, err := check(t, repository+":1", p, mode)
		must(t, err)
		found, err := without.SBOMs(t.Context(), progress.Silent())
		if err != nil || len(found) != 1 || found[0] != nil || requests.Load() != 0 {
			t.Errorf("%s: %d requests, %v, %v", mode, requests.Load(), found, err)
		}
	}
	_, err = verified.SBOMs(t.Context(), progress.Silent())
	if !errors.Is(err, component.ErrUnavailable) || requests.Load() == 0 {
		t.Errorf("%d requests: %v", requests.Load(), err)
	}
}

// TestLimitsSizeOfSBOM: base64 makes an SBOM larger by a third.
func TestLimitsSizeOfSBOM(t *testing.T) {
	t.Parallel()
	trusted, _ := newKeyPairs(t)
	for size, want := range map[int]int{4 << 20: 1, 13 << 20: 0} {
		repository, digest := pushOne(t, "1")
		sbom := map[string]string{"name": strings.Repeat("x", size)}
		_, err := registry.Attest(t.Context(), digestIn(t, repository, digest), trusted, spdxType, sbom)
		must(t, err)
		sboms, notes := sbomsOf(t, repository+":1", signedBy(t, trusted))
		if len(sboms) != want || (want == 0) != strings.Contains(notes, "exceed the limit of 16777216") {
			t.Errorf("%d bytes: %d SBOMs, notes %q", size, len(sboms), notes)
		}
	}
}
