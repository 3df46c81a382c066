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
	"github.com/sigstore/cosign/v2/pkg/cosign"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newKey makes a key of a kind, as cosign keeps one, and its public half in PEM.
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

// cosigns are the real ones, as make test builds them, with what they are to be told.
var cosigns = map[string][]string{
	"cosign":  {"--new-bundle-format"}, // cosign 2
	"cosign3": nil,
}

// accepts asks a cosign whether the key has signed a file as the bundle says.
func accepts(t *testing.T, program, public, bundle, file string) error {
	t.Helper()
	path, err := filepath.Abs("../../bin/" + program)
	must(t, err)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v; build it with make bin/%s", err, program)
	}
	dir := t.TempDir() // a trusted root of its own keeps it off the network
	root := filepath.Join(dir, "root.json")
	must(t, os.WriteFile(root, []byte(`{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`), 0o600))
	args := []string{"verify-blob", "--key", public, "--bundle", bundle, "--insecure-ignore-tlog", "--trusted-root", root}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, path, append(append(args, cosigns[program]...), file)...)
	run.Env = []string{"HOME=" + dir}
	told, err := run.CombinedOutput()
	if err != nil && !strings.Contains(string(told), "failed to verify signature") {
		t.Fatalf("%s gives no verdict: %v\n%s", program, err, told)
	}
	return err
}

// acceptedByBoth checks a release as users do, and that nothing else passes for it.
func acceptedByBoth(t *testing.T, release, public, strangers string) {
	t.Helper()
	at := func(name string) string { return filepath.Join(release, name) }
	for program := range cosigns {
		for _, name := range []string{Checksums, "os-kernel"} {
			if err := accepts(t, program, public, at(name+BundleSuffix), at(name)); err != nil {
				t.Errorf("%s does not accept %s: %v", program, name, err)
			}
		}
		if accepts(t, program, public, at("os-kernel"+BundleSuffix), at("os-initrd.img")) == nil {
			t.Errorf("%s accepts another file", program)
		}
		if accepts(t, program, strangers, at("os-kernel"+BundleSuffix), at("os-kernel")) == nil {
			t.Errorf("%s accepts another key", program)
		}
	}
}

// TestCosignAcceptsTheReleaseByEveryKindOfKey: both of them, without being told which
// hash was signed.
func TestCosignAcceptsTheReleaseByEveryKindOfKey(t *testing.T) {
	t.Parallel()
	for kind := range keypair.ByAlgorithm {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			private, public := newKey(t, kind)
			_, strangers := newKey(t, kind)
			key, err := LoadKey(t.Context(), private)
			must(t, err)
			release, _, err := makeRelease(t, built(t), key)
			must(t, err)
			acceptedByBoth(t, release, public, strangers)
		})
	}
}

// publicFile writes the public half of a key that was loaded.
func publicFile(t *testing.T, key *Signer) string {
	t.Helper()
	public, err := key.verifier.PublicKey()
	must(t, err)
	text, err := cryptoutils.MarshalPublicKeyToPEM(public)
	must(t, err)
	path := filepath.Join(t.TempDir(), "cosign.pub")
	must(t, os.WriteFile(path, text, 0o600))
	return path
}
