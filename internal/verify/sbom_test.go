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
	"github.com/org/linuxkit-action/internal/verify/attached"
	"github.com/sigstore/cosign/v2/pkg/oci/mutate"
	ociremote "github.com/sigstore/cosign/v2/pkg/oci/remote"
	"github.com/sigstore/cosign/v2/pkg/oci/static"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"google.golang.org/protobuf/encoding/protojson"
)

const spdx = "https://spdx.dev/Document"

// notes is a reporter that keeps what it is told.
type notes struct {
	progress.Reporter
	text strings.Builder
}

func (n *notes) Note(format string, args ...any) { fmt.Fprintf(&n.text, format+"\n", args...) }

// sbomsOf returns the SBOMs that are kept of one component, and what is told.
func sbomsOf(t *testing.T, reference string, policy *Policy) ([]SBOM, string) {
	t.Helper()
	verified, err := check(t, reference, policy, Warn)
	if err != nil {
		t.Fatal(err)
	}
	told := &notes{Reporter: progress.Silent()}
	found, err := verified.SBOMs(t.Context(), told)
	if err != nil {
		t.Fatal(err)
	}
	return found[0], told.text.String()
}

// pushOne pushes an image of its own to a registry of its own.
func pushOne(t *testing.T, content string) (repository string, digest v1.Hash) {
	t.Helper()
	repository = image.Serve(t, nil) + "/web"
	return repository, image.Push(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("a", content))), repository+":1")
}

// TestLiesAboutSBOMs: what the rule's signers do not vouch for is told, and not kept.
func TestLiesAboutSBOMs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, eve := w.newKey("a.pub"), w.newKey("b.pub"), w.newKey("eve.pub")
	w.newKey("c.pub")
	one, board := "rules: [{match: '**', key: a.pub}]", "rules: [{match: '**', keys: [a.pub, b.pub, c.pub], threshold: 2}]"
	by := func(predicate string, keys ...sign.Keypair) func(*world, string, v1.Hash) {
		return func(w *world, r string, d v1.Hash) {
			for _, key := range keys {
				attach(w.t, r, d, w.byKey(key, statement(predicate, d)))
			}
		}
	}
	for name, tt := range map[string]struct {
		policy  string
		prepare func(*world, string, v1.Hash)
		kept    int
		note    string // "": nothing is told
	}{
		"the truth":               {one, by(spdx, a), 1, ""},
		"with its version":        {one, by(spdx+"/v2.3", a), 1, ""},
		"CycloneDX":               {one, by("https://cyclonedx.org/bom/v1.6", a), 1, ""},
		"nothing":                 {one, func(*world, string, v1.Hash) {}, 0, ""},
		"another attestation":     {one, by(predicates["vuln"], a), 0, ""},
		"a signature":             {one, by(signPredicate, a), 0, ""},
		"look-alike type":         {one, by(spdx+"s", a), 0, ""},
		"by another key":          {one, by(spdx, eve), 0, "no attestation " + spdx + " by key a.pub: "},
		"by both":                 {one, by(spdx, eve, a), 1, "no attestation " + spdx + " by key a.pub: "},
		"by one of three":         {board, by(spdx, a), 0, "it is by 1 of the signers, and 2 are needed"},
		"by one of three, twice":  {board, by(spdx, a, a), 0, "it is by 1 of the signers"},
		"by one and a stranger":   {board, by(spdx, a, eve), 0, "it is by 1 of the signers"},
		"by two of three":         {board, by(spdx, a, b), 2, ""},
		"two that differ, by one": {board, func(w *world, r string, d v1.Hash) { by(spdx, a)(w, r, d); by(spdx+"/v2.3", b)(w, r, d) }, 0, "it is by 1 of the signers"},
		"of another image, moved here": {one, func(w *world, r string, d v1.Hash) {
			attach(w.t, r, d, w.byKey(a, statement(spdx, another(d))))
		}, 0, "it is for other bytes (00000000"},
		"edited": {one, func(w *world, r string, d v1.Hash) {
			made := w.byKey(a, statement(spdx, another(d)))
			made.GetDsseEnvelope().Payload = statement(spdx, d)
			attach(w.t, r, d, made)
		}, 0, "could not verify envelope"},
		"truncated": {one, func(w *world, r string, d v1.Hash) {
			text, _ := protojson.Marshal(w.byKey(a, statement(spdx, d)))
			attachRaw(w.t, r, d, text[:len(text)/2])
		}, 0, "cannot be read"},
		"keyless, by another": {keylessPolicy, func(w *world, r string, d v1.Hash) {
			attach(w.t, r, d, w.keyless("eve@evil.example", actions, statement(spdx, d), soon()))
		}, 0, `got "eve@evil.example"`},
		"keyless": {keylessPolicy, func(w *world, r string, d v1.Hash) {
			attach(w.t, r, d, w.keyless(release, actions, statement(spdx, d), soon()))
		}, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repository, digest := pushOne(t, name)
			tt.prepare(&world{t, w.ca, w.dir}, repository, digest)
			kept, told := sbomsOf(t, repository+":1", w.policy(tt.policy))
			if len(kept) != tt.kept || (told == "") != (tt.note == "") || !strings.Contains(told, tt.note) {
				t.Errorf("%d kept, told %q", len(kept), told)
			}
		})
	}
}

// TestSBOMsAreThoseOfTheRealCosign: in both layouts and forms they are kept as they were
// fetched, and cosign itself verifies the files again, with our key only.
func TestSBOMsAreThoseOfTheRealCosign(t *testing.T) {
	t.Parallel()
	ours, theirs := keys(t)
	for _, file := range []string{"sbom.json", "root.json"} {
		text := `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}` // of nobody: a key needs none
		if err := os.WriteFile(filepath.Join(ours, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	repository, digest := pushOne(t, "1")
	want := map[string]string{}
	for form, bundles := range map[string]string{"spdxjson": "false", "cyclonedx": "true"} {
		cosign(t, ours, "attest", "--key", "cosign.key", "--tlog-upload=false", "--new-bundle-format="+bundles, "--type", form, "--predicate", "sbom.json", repository+"@"+digest.String())
	}
	for _, place := range attached.Attestations {
		found, err := attached.Find(t.Context(), digestIn(t, repository, digest), place, nil)
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %d found, %v", place, len(found), err)
		}
		want[sum(found[0].Whole)] = string(found[0].Whole)
	}
	kept, told := sbomsOf(t, repository+":1", mustSign(t, ours))
	if len(kept) != 2 || told != "" {
		t.Fatalf("%d kept, told %q", len(kept), told)
	}
	for _, s := range kept {
		if want[s.SHA256] != string(s.Content) {
			t.Errorf("%s is not what was fetched", s.Form)
		}
		if err := os.WriteFile(filepath.Join(ours, s.Form), s.Content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	subject := []string{"--insecure-ignore-tlog", "--digest", digest.Hex, "--digestAlg", "sha256"}
	envelope := append([]string{"verify-blob-attestation", "--type", "spdxjson", "--signature", SPDX}, subject...)
	bundled := append([]string{"verify-blob-attestation", "--type", "cyclonedx", "--bundle", CycloneDX, "--new-bundle-format", "--trusted-root", "root.json"}, subject...)
	cosign(t, ours, append(envelope, "--key", "cosign.pub")...)
	cosign(t, ours, append(bundled, "--key", "cosign.pub")...)
	if kept, told = sbomsOf(t, repository+":1", mustSign(t, theirs)); len(kept) != 0 || strings.Count(told, "not kept as SBOM of ") != 2 {
		t.Errorf("by another key: %d kept, told %q", len(kept), told)
	}
}

// tagAttestation puts a bundle there in cosign 2's layout: certificate and log entry are
// annotations beside the envelope.
func tagAttestation(t *testing.T, image name.Digest, b *bundlepb.Bundle) {
	t.Helper()
	envelope, err := protojson.Marshal(b.GetDsseEnvelope())
	if err != nil {
		t.Fatal(err)
	}
	layer, err := static.NewAttestation(envelope, static.WithBundle(rekorBundle(b.VerificationMaterial.TlogEntries[0])),
		static.WithCertChain(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.VerificationMaterial.GetCertificate().RawBytes}), nil))
	if err != nil {
		t.Fatal(err)
	}
	entity, err := ociremote.SignedEntity(image)
	if err != nil {
		t.Fatal(err)
	}
	made, err := mutate.AttachAttestationToEntity(entity, layer)
	if err != nil {
		t.Fatal(err)
	}
	if err := ociremote.WriteAttestations(image.Repository, made); err != nil {
		t.Fatal(err)
	}
}

// TestCertificateIsKeptWithTheEnvelope: an envelope whose certificate stands beside it in
// the registry would say nothing alone. The file can be verified again all the same.
func TestCertificateIsKeptWithTheEnvelope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	repository, digest := pushOne(t, "1")
	tagAttestation(t, digestIn(t, repository, digest), w.keyless(release, actions, statement(spdx, digest), soon()))
	policy := w.policy(keylessPolicy)
	kept, told := sbomsOf(t, repository+":1", policy)
	if len(kept) != 1 || told != "" {
		t.Fatalf("%d kept, told %q", len(kept), told)
	}
	var b bundle.Bundle
	if err := b.UnmarshalJSON(kept[0].Content); err != nil {
		t.Fatal(err)
	}
	rule := &policy.Rules[0]
	signature, err := rule.signers[0].verify(t.Context(), attached.Attachment{Bundle: &b}, over(attached.Attachment{}, digest), policy.demands(rule))
	if err != nil || signature.Signer != release+" (by "+actions+")" || signature.Certificate == "" || signature.Time.IsZero() {
		t.Errorf("%+v, %v", signature, err)
	}
	again, _ := sbomsOf(t, repository+":1", policy)
	if again[0].SHA256 != kept[0].SHA256 {
		t.Error("another file the second time")
	}
}

// TestSBOMsAreInOneOrder: of the index and of the image for the platform, each once, in
// whatever order they were attached.
func TestSBOMsAreInOneOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := w.newKey("a.pub")
	policy := w.policy("rules: [{match: '**', key: a.pub}]")
	type made struct {
		image  v1.Hash
		bundle *bundlepb.Bundle
	}
	var attestations []made
	var orders [][]string
	for range 2 {
		repository := image.Serve(t, nil) + "/web"
		index, inner := pushIndex(t, repository, "the same")
		if attestations == nil {
			for _, d := range []v1.Hash{index, inner, inner} {
				attestations = append(attestations, made{d, w.byKey(key, statement(spdx, d))})
			}
		}
		for _, m := range attestations {
			attach(t, repository, m.image, m.bundle)
		}
		slices.Reverse(attestations)
		kept, _ := sbomsOf(t, repository+":1", policy)
		var order []string
		for _, s := range kept {
			order = append(order, s.SHA256)
		}
		if len(order) != 3 || !slices.IsSorted(order) {
			t.Errorf("kept %v", order)
		}
		orders = append(orders, order)
	}
	if !slices.Equal(orders[0], orders[1]) {
		t.Errorf("%v", orders)
	}
}

// TestNobodyIsAskedForSBOMsInVain: without a rule there are no signers, so what is attached
// does not matter. Where there is one, a registry that does not answer is no answer.
func TestNobodyIsAskedForSBOMsInVain(t *testing.T) {
	t.Parallel()
	ours, _ := keys(t)
	var asked atomic.Int32
	repository := image.Serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, ".att") {
				asked.Add(1)
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			next.ServeHTTP(w, r)
		})
	}) + "/web"
	digest := image.Push(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "1"))), repository+":1")
	signWith(t, repository+"@"+digest.String(), ours)
	verified, err := check(t, repository+":1", mustSign(t, ours), Enforce)
	if err != nil || asked.Load() != 0 {
		t.Fatalf("verification asks %d times for attestations that no rule demands: %v", asked.Load(), err)
	}
	for mode, policy := range map[string]*Policy{Off: nil, Warn: {Default: MustBePinned}} {
		verified, err := check(t, repository+":1", policy, mode)
		if err != nil {
			t.Fatal(err)
		}
		if found, err := verified.SBOMs(t.Context(), progress.Silent()); err != nil || len(found) != 1 || found[0] != nil || asked.Load() != 0 {
			t.Errorf("%s: asked %d times, %v, %v", mode, asked.Load(), found, err)
		}
	}
	if _, err := verified.SBOMs(t.Context(), progress.Silent()); !errors.Is(err, component.ErrUnavailable) || asked.Load() == 0 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
}

// TestLargeSBOM: an SBOM has more room than a signature would need, and not all there is.
func TestLargeSBOM(t *testing.T) {
	t.Parallel()
	ours, _ := keys(t)
	for size, want := range map[int]int{4 << 20: 1, 13 << 20: 0} { // in base64 a third more
		repository, digest := pushOne(t, "1")
		if _, err := registry.Attest(t.Context(), digestIn(t, repository, digest), ours, spdx, map[string]string{"name": strings.Repeat("x", size)}); err != nil {
			t.Fatal(err)
		}
		kept, told := sbomsOf(t, repository+":1", mustSign(t, ours))
		if len(kept) != want || (want == 0) != strings.Contains(told, "16777216 are allowed") {
			t.Errorf("%d bytes: %d kept, told %q", size, len(kept), told)
		}
	}
}
