package verify

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/fixtures/tools"
	"github.com/org/linuxkit-action/internal/verify/discovery"
)

// cosign runs cosign 2.
func cosign(t testing.TB, dir string, args ...string) {
	t.Helper()
	runCosign(t, "cosign", dir, args...)
}

// runCosign runs cosign 2, which is called cosign, or cosign3.
func runCosign(t testing.TB, program, dir string, args ...string) {
	t.Helper()
	path, err := tools.Path(program)
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, path, args...)
	run.Dir = dir
	run.Env = []string{"COSIGN_PASSWORD=", "COSIGN_YES=true", "HOME=" + dir}
	for _, name := range []string{"PATH", "VAULT_ADDR", "VAULT_TOKEN"} {
		run.Env = append(run.Env, name+"="+os.Getenv(name))
	}
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
}

// cosignSign signs with cosign.key, as a bundle or at a tag.
func cosignSign(t testing.TB, dir, bundles, image string) {
	t.Helper()
	cosign(t, dir, "sign", "--key", "cosign.key", "--tlog-upload=false", "--new-bundle-format="+bundles, image)
}

// cosignAttest attests with cosign.key, as a bundle or at a tag.
func cosignAttest(t testing.TB, dir, bundles, predicateType, predicate, image string) {
	t.Helper()
	cosign(t, dir, "attest", "--key", "cosign.key", "--tlog-upload=false", "--new-bundle-format="+bundles,
		"--type", predicateType, "--predicate", predicate, image)
}

// Predicate types with a short name in cosign.
const (
	vulnType       = "https://cosign.sigstore.dev/attestation/vuln/v1"
	provenanceType = "https://slsa.dev/provenance/v1"
)

// TestVerifiesCosignByKey: signatures and attestations of cosign, in both layouts.
func TestVerifiesCosignByKey(t *testing.T) {
	t.Parallel()
	trusted, other := newKeyPairs(t)
	for _, dir := range []string{trusted, other} {
		must(t, os.WriteFile(filepath.Join(dir, "predicate.json"), []byte("{}"), 0o600))
	}
	by := func(dir, bundles string) attachFunc {
		return func(s *virtualSigstore, r string, d v1.Hash) {
			image := r + "@" + d.String()
			cosignSign(s.t, dir, bundles, image)
			found, err := discovery.Find(s.t.Context(), digestIn(s.t, r, d), discovery.SignatureTag, nil)
			if err != nil || (len(found) > 0) != (bundles == "false") {
				s.t.Errorf("%d signatures at the tag, bundles %s: %v", len(found), bundles, err)
			}
			cosignAttest(s.t, dir, bundles, "vuln", "predicate.json", image)
		}
	}
	signatureOnly := func(s *virtualSigstore, r string, d v1.Hash) { cosignSign(s.t, trusted, "false", r+"@"+d.String()) }
	const policy = "rules: [{match: '**', key: cosign.pub, attestations: [{type: vuln}]}]"
	checkCases(t, &virtualSigstore{t: t, dir: trusted}, policy, map[string]attachmentCase{
		"tags":                   {attach: by(trusted, "false")},
		"bundles":                {attach: by(trusted, "true")},
		"tags by another key":    {attach: by(other, "false"), want: "no attestation " + vulnType + " by key cosign.pub"},
		"bundles by another key": {attach: by(other, "true"), want: "no attestation " + vulnType + " by key cosign.pub"},
		"signature only":         {attach: signatureOnly, want: "no attestation"},
	})
}
