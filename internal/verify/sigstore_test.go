package verify

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	cosignbundle "github.com/sigstore/cosign/v2/pkg/cosign/bundle"
	"github.com/sigstore/cosign/v2/pkg/oci"
	"github.com/sigstore/cosign/v2/pkg/oci/mutate"
	ociremote "github.com/sigstore/cosign/v2/pkg/oci/remote"
	"github.com/sigstore/cosign/v2/pkg/oci/static"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	commonpb "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	dssepb "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	rekorpb "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore-go/pkg/tlog"
	sigstore "github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"google.golang.org/protobuf/encoding/protojson"
)

// Who signs in the tests.
const (
	actions = "https://token.actions.githubusercontent.com"
	release = "release@acme.example"
)

// world is a Sigstore of ours: it gives certificates, log entries and timestamps.
type world struct {
	t   testing.TB
	ca  *ca.VirtualSigstore
	dir string // with trusted_root.json
}

func newWorld(t testing.TB) *world {
	t.Helper()
	virtual, err := ca.NewVirtualSigstore()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t, virtual, t.TempDir()}
	logs := virtual.RekorLogs()
	for id, log := range logs {
		if log.ID, err = hex.DecodeString(id); err != nil {
			t.Fatal(err)
		}
	}
	trusted, err := root.NewTrustedRoot(root.TrustedRootMediaType01, virtual.FulcioCertificateAuthorities(), nil, virtual.TimestampingAuthorities(), logs)
	if err != nil {
		t.Fatal(err)
	}
	text, err := trusted.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	w.write("trusted_root.json", text)
	return w
}

func (w *world) write(name string, text []byte) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), text, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// policy reads a policy that stands beside the world's files.
func (w *world) policy(text string) *Policy {
	w.t.Helper()
	policy, err := ParsePolicy(filepath.Join(w.dir, "policy.yml"), []byte(text))
	if err != nil {
		w.t.Fatal(err)
	}
	return policy
}

// statement is what cosign 3 signs, or an attestation.
func statement(predicate string, image v1.Hash) []byte {
	text, _ := json.Marshal(map[string]any{
		"_type": "https://in-toto.io/Statement/v1", "predicateType": predicate, "predicate": map[string]any{},
		"subject": []any{map[string]any{"digest": map[string]string{"sha256": image.Hex}}},
	})
	return text
}

// keyless makes a bundle with a certificate, a log entry with proof, and a timestamp.
func (w *world) keyless(subject, issuer string, text []byte, logged time.Time) *bundlepb.Bundle {
	w.t.Helper()
	made, err := w.ca.AttestAtTime(subject, issuer, text, logged, true)
	if err != nil {
		w.t.Fatal(err)
	}
	b := &bundlepb.Bundle{MediaType: bundleType, VerificationMaterial: w.material(made)}
	content, _ := made.SignatureContent()
	b.Content = &bundlepb.Bundle_DsseEnvelope{DsseEnvelope: &dssepb.Envelope{
		Payload: text, PayloadType: content.EnvelopeContent().RawEnvelope().PayloadType,
		Signatures: []*dssepb.Signature{{Sig: content.Signature()}},
	}}
	return b
}

const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"

func (w *world) material(made sigstore.SignedEntity) *bundlepb.VerificationMaterial {
	w.t.Helper()
	content, err := made.VerificationContent()
	if err != nil {
		w.t.Fatal(err)
	}
	entries, _ := made.TlogEntries()
	stamps, _ := made.Timestamps()
	m := &bundlepb.VerificationMaterial{
		Content:                   &bundlepb.VerificationMaterial_Certificate{Certificate: &commonpb.X509Certificate{RawBytes: content.Certificate().Raw}},
		TimestampVerificationData: &bundlepb.TimestampVerificationData{},
	}
	for _, e := range entries {
		m.TlogEntries = append(m.TlogEntries, w.promised(e.TransparencyLogEntry()))
	}
	for _, s := range stamps {
		m.TimestampVerificationData.Rfc3161Timestamps = append(m.TimestampVerificationData.Rfc3161Timestamps, &commonpb.RFC3161SignedTimestamp{SignedTimestamp: s})
	}
	return m
}

// promised adds what the testing CA leaves out of an entry: its kind, and the log's
// promise to include it.
func (w *world) promised(e *rekorpb.TransparencyLogEntry) *rekorpb.TransparencyLogEntry {
	w.t.Helper()
	var kind struct{ Kind, APIVersion string }
	if err := json.Unmarshal(e.CanonicalizedBody, &kind); err != nil {
		w.t.Fatal(err)
	}
	promise, err := w.ca.RekorSignPayload(tlog.RekorPayload{
		Body: base64.StdEncoding.EncodeToString(e.CanonicalizedBody), IntegratedTime: e.IntegratedTime,
		LogIndex: e.LogIndex, LogID: hex.EncodeToString(e.LogId.KeyId),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	e.KindVersion = &rekorpb.KindVersion{Kind: kind.Kind, Version: kind.APIVersion}
	e.InclusionPromise = &rekorpb.InclusionPromise{SignedEntryTimestamp: promise}
	return e
}

// newKey makes a key pair whose public half is in the file.
func (w *world) newKey(file string) sign.Keypair {
	w.t.Helper()
	key, err := sign.NewEphemeralKeypair(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	pem, err := key.GetPublicKeyPem()
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(file, []byte(pem))
	return key
}

// byKey makes a bundle that a key signs.
func (w *world) byKey(key sign.Keypair, text []byte) *bundlepb.Bundle {
	w.t.Helper()
	b, err := sign.Bundle(&sign.DSSEData{Data: text, PayloadType: "application/vnd.in-toto+json"}, key, sign.BundleOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// attach lets a bundle refer to an image, as cosign does.
func attach(t testing.TB, repository string, image v1.Hash, b *bundlepb.Bundle) {
	t.Helper()
	text, err := protojson.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	attachRaw(t, repository, image, text)
}

func attachRaw(t testing.TB, repository string, image v1.Hash, text []byte) {
	t.Helper()
	if err := ociremote.WriteAttestationNewBundleFormat(digestIn(t, repository, image), text, signPredicate); err != nil {
		t.Fatal(err)
	}
}

func digestIn(t testing.TB, repository string, image v1.Hash) name.Digest {
	t.Helper()
	digest, err := name.NewDigest(repository + "@" + image.String())
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// tag signs a payload without a key, in cosign 2's layout. change may spoil the payload
// after that.
func (w *world) tag(repository string, image v1.Hash, claimed v1.Hash, subject string, change func([]byte) []byte) {
	w.t.Helper()
	text := []byte(`{"critical":{"identity":{"docker-reference":"x"},"image":{"docker-manifest-digest":"` + claimed.String() + `"},"type":"cosign container image signature"},"optional":null}`)
	made, err := w.ca.Sign(subject, actions, text)
	if err != nil {
		w.t.Fatal(err)
	}
	if change != nil {
		text = change(text)
	}
	content, _ := made.SignatureContent()
	certificate, _ := made.VerificationContent()
	pem, err := cryptoutils.MarshalCertificateToPEM(certificate.Certificate())
	if err != nil {
		w.t.Fatal(err)
	}
	entries, _ := made.TlogEntries()
	layer, err := static.NewSignature(text, base64.StdEncoding.EncodeToString(content.Signature()),
		static.WithCertChain(pem, nil), static.WithBundle(rekorBundle(w.promised(entries[0].TransparencyLogEntry()))))
	if err != nil {
		w.t.Fatal(err)
	}
	writeTag(w.t, digestIn(w.t, repository, image), layer)
}

func writeTag(t testing.TB, image name.Digest, layer oci.Signature) {
	t.Helper()
	entity, err := ociremote.SignedEntity(image)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := mutate.AttachSignatureToEntity(entity, layer)
	if err != nil {
		t.Fatal(err)
	}
	if err := ociremote.WriteSignatures(image.Repository, signed); err != nil {
		t.Fatal(err)
	}
}

// rekorBundle is a log entry as cosign 2 writes it.
func rekorBundle(e *rekorpb.TransparencyLogEntry) *cosignbundle.RekorBundle {
	return &cosignbundle.RekorBundle{
		SignedEntryTimestamp: e.InclusionPromise.SignedEntryTimestamp,
		Payload: cosignbundle.RekorPayload{
			Body: base64.StdEncoding.EncodeToString(e.CanonicalizedBody), IntegratedTime: e.IntegratedTime,
			LogIndex: e.LogIndex, LogID: hex.EncodeToString(e.LogId.KeyId),
		},
	}
}
