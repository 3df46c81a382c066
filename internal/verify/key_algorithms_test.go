package verify

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
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

// newKeyOf generates a key of an algorithm, as key.pem and key.pub in a folder.
func newKeyOf(t *testing.T, dir, algorithm string) crypto.Signer {
	t.Helper()
	key, err := keypair.ByAlgorithm[algorithm]()
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	privatePEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	must(t, os.WriteFile(filepath.Join(dir, "key.pem"), privatePEM, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "key.pub"), publicPEM(t, key.Public()), 0o600))
	return key
}

func publicPEM(t *testing.T, public crypto.PublicKey) []byte {
	t.Helper()
	text, err := cryptoutils.MarshalPublicKeyToPEM(public)
	must(t, err)
	return text
}

// TestVerifiesEveryKeyTypeOfCosign: in both layouts, by cosign 2 and 3.
func TestVerifiesEveryKeyTypeOfCosign(t *testing.T) {
	t.Parallel()
	for algorithm := range keypair.ByAlgorithm {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			dir, eve := t.TempDir(), t.TempDir()
			for _, d := range []string{dir, eve} {
				newKeyOf(t, d, algorithm)
				cosign(t, d, "import-key-pair", "--key", "key.pem", "--output-key-prefix", "imported")
				must(t, os.WriteFile(filepath.Join(d, "predicate.json"), []byte("{}"), 0o600))
			}
			const policy = "rules: [{match: '**', key: key.pub, attestations: [{type: vuln}]}]"
			checkCases(t, &virtualSigstore{t: t, dir: dir}, policy, keyTypeCases(dir, eve))
		})
	}
}

func keyTypeCases(dir, otherDir string) map[string]attachmentCase {
	by := func(program, dir, layout string) attachFunc {
		return func(s *virtualSigstore, r string, d v1.Hash) {
			image, flags := r+"@"+d.String(), []string{"--key", "imported.key", "--tlog-upload=false", layout}
			attest := append([]string{"attest", "--type", "vuln", "--predicate", "predicate.json"}, flags...)
			runCosign(s.t, program, dir, append(append([]string{"sign"}, flags...), image)...)
			runCosign(s.t, program, dir, append(attest, image)...)
		}
	}

	return map[string]attachmentCase{
		"cosign 2, tags":           {attach: by("cosign", dir, layoutTags)},
		"cosign 2, bundles":        {attach: by("cosign", dir, layoutBundles)},
		"cosign 3":                 {attach: by("cosign3", dir, layoutCosign3)},
		"cosign 2, by another key": {attach: by("cosign", otherDir, layoutTags), want: "no signature by key key.pub"},
		"cosign 3, by another key": {attach: by("cosign3", otherDir, layoutCosign3), want: "no signature by key key.pub"},
	}
}

// TestVerifiesEveryKeyTypeOfSigstore: bundles that sigstore-go makes.
func TestVerifiesEveryKeyTypeOfSigstore(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []commonpb.PublicKeyDetails{
		commonpb.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256, commonpb.PublicKeyDetails_PKIX_ECDSA_P384_SHA_384,
		commonpb.PublicKeyDetails_PKIX_ECDSA_P521_SHA_512, commonpb.PublicKeyDetails_PKIX_ED25519,
		commonpb.PublicKeyDetails_PKIX_RSA_PKCS1V15_2048_SHA256, commonpb.PublicKeyDetails_PKIX_RSA_PKCS1V15_4096_SHA256,
	} {
		t.Run(algorithm.String(), func(t *testing.T) {
			t.Parallel()
			s := &virtualSigstore{t: t, dir: t.TempDir()}
			key, err := sign.NewEphemeralKeypair(&sign.EphemeralKeypairOptions{Algorithm: algorithm})
			must(t, err)
			s.write("key.pub", publicPEM(t, key.GetPublicKey()))
			checkCases(t, s, "rules: [{match: '**', key: key.pub}]", map[string]attachmentCase{
				"valid":            {attach: byKeys(signPredicate, key)},
				"of another image": {attach: byKeyForOther(signPredicate, key), want: wrongDigest},
			})
		})
	}
}

// TestVerifiesEarlierAlgorithms: earlier versions of cosign signed with SHA-256 with every
// curve, and with Ed25519 without a hash.
func TestVerifiesEarlierAlgorithms(t *testing.T) {
	t.Parallel()
	const rejected = "no signature by key key.pub"
	pss := &rsa.PSSOptions{Hash: crypto.SHA256}
	for name, tt := range map[string]struct {
		algorithm string
		option    signature.LoadOption
		want      string
	}{
		"P-384 with SHA-256":     {algorithm: "ECDSA P-384", option: options.WithHash(crypto.SHA256)},
		"P-521 with SHA-256":     {algorithm: "ECDSA P-521", option: options.WithHash(crypto.SHA256)},
		"Ed25519 without a hash": {algorithm: "Ed25519", option: options.NoOpOptionImpl{}},
		"P-256 with SHA-512":     {algorithm: "ECDSA P-256", option: options.WithHash(crypto.SHA512), want: rejected},
		"RSA with PSS padding":   {algorithm: "RSA 2048", option: options.WithRSAPSS(pss), want: rejected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			signer, err := signature.LoadSignerWithOpts(newKeyOf(t, dir, tt.algorithm), tt.option)
			must(t, err)
			checkCases(t, &virtualSigstore{t: t, dir: dir}, "rules: [{match: '**', key: key.pub}]", map[string]attachmentCase{
				"tag": {attach: signPayload(signer), want: tt.want},
			})
		})
	}
}

// signPayload signs a simple signing payload, in cosign 2's layout.
func signPayload(signer signature.Signer) attachFunc {
	return func(s *virtualSigstore, r string, d v1.Hash) {
		image := digestIn(s.t, r, d)
		text, err := (&payload.Cosign{Image: image}).MarshalJSON()
		must(s.t, err)
		signed, err := signer.SignMessage(bytes.NewReader(text))
		must(s.t, err)
		layer, err := static.NewSignature(text, base64.StdEncoding.EncodeToString(signed))
		must(s.t, err)
		writeTag(s.t, image, layer)
	}
}
