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
	"github.com/org/linuxkit-action/internal/verify/attached"
)

// cosign runs the real one, as make test builds it, so that we need not take our own word
// for what it makes.
func cosign(t testing.TB, dir string, args ...string) {
	t.Helper()
	cosignOf(t, "cosign", dir, args...)
}

// cosignOf runs cosign 2, which is called cosign, or cosign3.
func cosignOf(t testing.TB, program, dir string, args ...string) {
	t.Helper()
	path, err := tools.Path(program)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, path, args...)
	run.Dir = dir
	run.Env = []string{"COSIGN_PASSWORD=", "COSIGN_YES=true", "HOME=" + dir, "PATH=" + os.Getenv("PATH"),
		"VAULT_ADDR=" + os.Getenv("VAULT_ADDR"), "VAULT_TOKEN=" + os.Getenv("VAULT_TOKEN")}
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
}

// TestWhatTheRealCosignMakes: signatures and attestations by key, in both layouts.
func TestWhatTheRealCosignMakes(t *testing.T) {
	t.Parallel()
	ours, theirs := keys(t)
	for _, dir := range []string{ours, theirs} {
		if err := os.WriteFile(filepath.Join(dir, "predicate.json"), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	policy := "rules: [{match: '**', key: cosign.pub, attestations: [{type: vuln}]}]"
	by := func(dir, bundles string) func(*world, string, v1.Hash) {
		return func(w *world, r string, d v1.Hash) {
			image := r + "@" + d.String()
			cosign(w.t, dir, "sign", "--key", "cosign.key", "--tlog-upload=false", "--new-bundle-format="+bundles, image)
			found, err := attached.Find(w.t.Context(), digestIn(w.t, r, d), attached.Sig, nil)
			if err != nil || (len(found) > 0) != (bundles == "false") {
				w.t.Errorf("%d signatures at the tag, bundles %s: %v", len(found), bundles, err)
			}
			cosign(w.t, dir, "attest", "--key", "cosign.key", "--tlog-upload=false", "--new-bundle-format="+bundles, "--type", "vuln", "--predicate", "predicate.json", image)
		}
	}
	told(t, &world{t: t, dir: ours}, policy, map[string]lie{
		"tags, by us":        {by(ours, "false"), ""},
		"bundles, by us":     {by(ours, "true"), ""},
		"tags, by others":    {by(theirs, "false"), "no attestation " + predicates["vuln"] + " by key cosign.pub"},
		"bundles, by others": {by(theirs, "true"), "no attestation " + predicates["vuln"] + " by key cosign.pub"},
		"signed by ours only": {func(w *world, r string, d v1.Hash) {
			cosign(w.t, ours, "sign", "--key", "cosign.key", "--tlog-upload=false", r+"@"+d.String())
		}, "it has no attestation"},
	})
}
