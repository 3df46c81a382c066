package publish

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/fixtures/keypair"
	"github.com/org/linuxkit-action/fixtures/tools"
	"github.com/sigstore/cosign/v2/pkg/cosign"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newKey makes a cosign key pair of a kind.
func newKey(t *testing.T, kind string) (private, public string) {
	t.Helper()
	dir := t.TempDir()
	plain, private, public := filepath.Join(dir, "key.pem"), filepath.Join(dir, "cosign.key"), filepath.Join(dir, "cosign.pub")
	key, err := keypair.ByAlgorithm[kind]()
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	must(t, os.WriteFile(plain, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	pair, err := cosign.ImportKeyPair(plain, func(bool) ([]byte, error) { return nil, nil })
	must(t, err)
	must(t, os.WriteFile(private, pair.PrivateBytes, 0o600))
	must(t, os.WriteFile(public, pair.PublicBytes, 0o600))
	return private, public
}

// cosigns are the programs that verify a release, with the flags that each needs.
var cosigns = map[string][]string{
	"cosign":  {"--new-bundle-format"}, // cosign 2
	"cosign3": nil,
}

// verifyBlob runs cosign verify-blob and returns its verdict.
func verifyBlob(t *testing.T, program, public, bundle, file string) error {
	t.Helper()
	path, err := tools.Path(program)
	must(t, err)
	dir := t.TempDir()
	root := filepath.Join(dir, "root.json") // without one, cosign would fetch Sigstore's
	must(t, os.WriteFile(root, []byte(`{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`), 0o600))
	args := []string{"verify-blob", "--key", public, "--bundle", bundle, "--insecure-ignore-tlog", "--trusted-root", root}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, path, append(append(args, cosigns[program]...), file)...)
	run.Env = []string{"HOME=" + dir}
	out, err := run.CombinedOutput()
	if err != nil && !strings.Contains(string(out), "failed to verify signature") {
		t.Fatalf("%s: no verdict: %v\n%s", program, err, out)
	}
	return err
}

// checkWithCosign verifies a release with cosign 2 and 3, which must reject a bundle of
// another file and another key.
func checkWithCosign(t *testing.T, release, public, otherPublic string) {
	t.Helper()
	in := func(name string) string { return filepath.Join(release, name) }
	for program := range cosigns {
		for _, name := range []string{Checksums, "os-kernel"} {
			if err := verifyBlob(t, program, public, in(name+BundleSuffix), in(name)); err != nil {
				t.Errorf("%s rejects %s: %v", program, name, err)
			}
		}
		if verifyBlob(t, program, public, in("os-kernel"+BundleSuffix), in("os-initrd.img")) == nil {
			t.Errorf("%s accepts another file", program)
		}
		if verifyBlob(t, program, otherPublic, in("os-kernel"+BundleSuffix), in("os-kernel")) == nil {
			t.Errorf("%s accepts another key", program)
		}
	}
}

// TestCosignVerifiesReleaseWithEveryKeyType: without an option for the hash.
func TestCosignVerifiesReleaseWithEveryKeyType(t *testing.T) {
	t.Parallel()
	for kind := range keypair.ByAlgorithm {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			private, public := newKey(t, kind)
			_, otherPublic := newKey(t, kind)
			key, err := LoadKey(t.Context(), private)
			must(t, err)
			dir, _, err := makeRelease(t, newBuild(t), key)
			must(t, err)
			checkWithCosign(t, dir, public, otherPublic)
		})
	}
}

// publicFile writes the public half of a loaded key.
func publicFile(t *testing.T, key *Key) string {
	t.Helper()
	public, err := key.public.PublicKey()
	must(t, err)
	text, err := cryptoutils.MarshalPublicKeyToPEM(public)
	must(t, err)
	path := filepath.Join(t.TempDir(), "cosign.pub")
	must(t, os.WriteFile(path, text, 0o600))
	return path
}
