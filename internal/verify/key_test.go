package verify

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/fixtures/keypair"
	"github.com/sigstore/cosign/v2/pkg/oci/static"
	commonpb "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"
	"github.com/sigstore/sigstore/pkg/signature/payload"
)

// newKeyOf makes a key of a kind, as key.pem and key.pub in a folder.
func newKeyOf(t *testing.T, dir, kind string) crypto.Signer {
	t.Helper()
	key, err := keypair.ByAlgorithm[kind]()
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "key.pub"), publicPEM(t, key.Public()), 0o600))
	return key
}

func publicPEM(t *testing.T, public crypto.PublicKey) []byte {
	t.Helper()
	text, err := cryptoutils.MarshalPublicKeyToPEM(public)
	must(t, err)
	return text
}

// TestKeysThatCosignSignsWith: every kind, in both layouts, by both cosigns.
func TestKeysThatCosignSignsWith(t *testing.T) {
	t.Parallel()
	for kind := range keypair.ByAlgorithm {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir, eve := t.TempDir(), t.TempDir()
			for _, d := range []string{dir, eve} {
				newKeyOf(t, d, kind)
				cosign(t, d, "import-key-pair", "--key", "key.pem", "--output-key-prefix", "imported")
				must(t, os.WriteFile(filepath.Join(d, "predicate.json"), []byte("{}"), 0o600))
			}
			by := func(program, dir string, flags ...string) func(*world, string, v1.Hash) {
				return func(w *world, r string, d v1.Hash) {
					by := append([]string{"--key", "imported.key", "--tlog-upload=false"}, flags...)
					cosignOf(w.t, program, dir, append(append([]string{"sign"}, by...), r+"@"+d.String())...)
					cosignOf(w.t, program, dir, append(append([]string{"attest", "--type", "vuln", "--predicate", "predicate.json"}, by...), r+"@"+d.String())...)
				}
			}
			told(t, &world{t: t, dir: dir}, "rules: [{match: '**', key: key.pub, attestations: [{type: vuln}]}]", map[string]lie{
				"cosign 2, tags":    {by("cosign", dir, "--new-bundle-format=false"), ""},
				"cosign 2, bundles": {by("cosign", dir, "--new-bundle-format=true"), ""},
				"cosign 3":          {by("cosign3", dir, "--use-signing-config=false"), ""},
				"by another":        {by("cosign", eve, "--new-bundle-format=false"), "no signature by key key.pub"},
				"by another, new":   {by("cosign3", eve, "--use-signing-config=false"), "no signature by key key.pub"},
			})
		})
	}
}

// TestKeysThatSigstoreSignsWith: bundles that sigstore-go makes.
func TestKeysThatSigstoreSignsWith(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []commonpb.PublicKeyDetails{
		commonpb.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256, commonpb.PublicKeyDetails_PKIX_ECDSA_P384_SHA_384,
		commonpb.PublicKeyDetails_PKIX_ECDSA_P521_SHA_512, commonpb.PublicKeyDetails_PKIX_ED25519,
		commonpb.PublicKeyDetails_PKIX_RSA_PKCS1V15_2048_SHA256, commonpb.PublicKeyDetails_PKIX_RSA_PKCS1V15_4096_SHA256,
	} {
		t.Run(algorithm.String(), func(t *testing.T) {
			t.Parallel()
			w := &world{t: t, dir: t.TempDir()}
			key, err := sign.NewEphemeralKeypair(&sign.EphemeralKeypairOptions{Algorithm: algorithm})
			must(t, err)
			w.write("key.pub", publicPEM(t, key.GetPublicKey()))
			told(t, w, "rules: [{match: '**', key: key.pub}]", map[string]lie{
				"the truth": {func(w *world, r string, d v1.Hash) { attach(w.t, r, d, w.byKey(key, statement(signPredicate, d))) }, ""},
				"other bytes": {func(w *world, r string, d v1.Hash) {
					attach(w.t, r, d, w.byKey(key, statement(signPredicate, another(d))))
				}, "it is for other bytes"},
			})
		})
	}
}

// TestOlderSignaturesHold: earlier cosigns signed with SHA-256 whatever the curve is, and
// with Ed25519 without a hash; that is still so in registries.
func TestOlderSignaturesHold(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		kind string
		way  []signature.LoadOption
		want string
	}{
		"P-384 with SHA-256":            {"ECDSA P-384", []signature.LoadOption{options.WithHash(crypto.SHA256)}, ""},
		"P-521 with SHA-256":            {"ECDSA P-521", []signature.LoadOption{options.WithHash(crypto.SHA256)}, ""},
		"Ed25519 without a hash":        {"Ed25519", nil, ""},
		"P-256 with a hash nobody uses": {"ECDSA P-256", []signature.LoadOption{options.WithHash(crypto.SHA512)}, "no signature by key key.pub"},
		"RSA with another padding":      {"RSA 2048", []signature.LoadOption{options.WithRSAPSS(&rsa.PSSOptions{Hash: crypto.SHA256})}, "no signature by key key.pub"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			signer, err := signature.LoadSignerWithOpts(newKeyOf(t, dir, tt.kind), tt.way...)
			must(t, err)
			told(t, &world{t: t, dir: dir}, "rules: [{match: '**', key: key.pub}]", map[string]lie{
				"tag": {func(w *world, r string, d v1.Hash) {
					image := digestIn(w.t, r, d)
					text, err := (&payload.Cosign{Image: image}).MarshalJSON()
					must(t, err)
					made, err := signer.SignMessage(bytes.NewReader(text))
					must(t, err)
					layer, err := static.NewSignature(text, base64.StdEncoding.EncodeToString(made))
					must(t, err)
					writeTag(t, image, layer)
				}, tt.want},
			})
		})
	}
}

// TestDigestAloneDoesNotStandForTheWhole: to a verifier that needs the whole message, one
// of which only the digest is known looks empty. What was once signed as empty must not
// count for every digest.
func TestDigestAloneDoesNotStandForTheWhole(t *testing.T) {
	t.Parallel()
	key := newKeyOf(t, t.TempDir(), "Ed25519")
	signer, err := signature.LoadSignerWithOpts(key)
	must(t, err)
	made, err := signer.SignMessage(strings.NewReader(""))
	must(t, err)
	verifier, err := verifierOf(key.Public())
	must(t, err)
	if err := verifier.VerifySignature(bytes.NewReader(made), strings.NewReader("")); err != nil {
		t.Errorf("what was signed: %v", err)
	}
	if err := verifier.VerifySignature(bytes.NewReader(made), strings.NewReader(""), options.WithDigest(make([]byte, 32))); err == nil || !strings.Contains(err.Error(), "hash") && !strings.Contains(err.Error(), "digest") {
		t.Errorf("a digest: %v", err)
	}
}

func TestKeysThatAreRefused(t *testing.T) {
	t.Parallel()
	weak, err := x509.ParsePKIXPublicKey(der(t, rsa1024))
	must(t, err)
	narrow, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(narrow)
	must(t, err)
	for name, tt := range map[string]struct {
		pem  []byte
		want string
	}{
		"RSA of 1024 bits": {publicPEM(t, weak), "key size not supported: 1024; make a key with ECDSA P-256"},
		"ECDSA P-224":      {publicPEM(t, narrow.Public()), "make a key with ECDSA P-256"},
		"the private half": {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), "is not a public key in PEM"},
		"MCowBQYDK2VuAyEAHohUOSDgPFPo2016I0h4jOImOGSbUL3aNqiNfzOiPiI=": {pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der(t, x25519)}), "make a key with ECDSA P-256"},
		"a curve of others": {pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der(t, secp256k1)}), "is not a public key in PEM"},
		"nothing":           {nil, "is not a public key in PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			must(t, os.WriteFile(filepath.Join(dir, "key.pub"), tt.pem, 0o600))
			_, err := ParsePolicy(filepath.Join(dir, "policy.yml"), []byte("rules: [{match: '**', key: key.pub}]"))
			if err == nil || !strings.Contains(err.Error(), "policy.yml:1:") || !strings.Contains(err.Error(), "key.pub") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// Public keys that Go, or the library, does not make: by openssl genpkey.
const (
	rsa1024   = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDHI81qJmW8iDKA4mCmPyCqpf45B2ci+7SZr1eSfv1nKuYqo0sxr1lIzqossIqUti4JfcQNAcYwI2BYPUvaO/MJmPYcNOXL1gSUBToVitXr3eAp36BSlH1zkR8A8c1Icx4EwhNb3pA5eEFOVdVugL+cSpZ6US5RbUC/Wh9Ih2/pAQIDAQAB"
	x25519    = "MCowBQYDK2VuAyEAHohUOSDgPFPo2016I0h4jOImOGSbUL3aNqiNfzOiPiI="
	secp256k1 = "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEIHU53o0d4nMjKeEIHFn/hUwaN1y/Dw8e8NJptwAiM7ikHJZAVP0hOaE7HQvH3WN1cAoiiDBB56yvLi17EcHI3w=="
)

func der(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(text)
	must(t, err)
	return raw
}
