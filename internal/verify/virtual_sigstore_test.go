package verify

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/verify/policy"
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

// The identity that signs in the tests.
const (
	actions = "https://token.actions.githubusercontent.com"
	release = "release@acme.example"
)

// virtualSigstore issues certificates, log entries and timestamps.
type virtualSigstore struct {
	t   testing.TB
	ca  *ca.VirtualSigstore
	dir string // with trusted_root.json
}

func newVirtualSigstore(t testing.TB) *virtualSigstore {
	t.Helper()
	virtual, err := ca.NewVirtualSigstore()
	must(t, err)
	s := &virtualSigstore{t: t, ca: virtual, dir: t.TempDir()}
	logs := virtual.RekorLogs()
	for id, log := range logs {
		if log.ID, err = hex.DecodeString(id); err != nil {
			t.Fatal(err)
		}
	}
	fulcio, timestamps := virtual.FulcioCertificateAuthorities(), virtual.TimestampingAuthorities()
	trusted, err := root.NewTrustedRoot(root.TrustedRootMediaType01, fulcio, nil, timestamps, logs)
	must(t, err)
	text, err := trusted.MarshalJSON()
	must(t, err)
	s.write("trusted_root.json", text)
	return s
}

func (s *virtualSigstore) write(name string, text []byte) {
	s.t.Helper()
	must(s.t, os.WriteFile(filepath.Join(s.dir, name), text, 0o600))
}

// policy parses a policy in the folder with trusted_root.json.
func (s *virtualSigstore) policy(text string) *policy.Policy {
	s.t.Helper()
	return parsePolicy(s.t, s.dir, text)
}

// statement is an in-toto statement, with a predicate type.
func statementOf(predicate string, image v1.Hash) []byte {
	text, _ := json.Marshal(map[string]any{
		"_type": "https://in-toto.io/Statement/v1", "predicateType": predicate, "predicate": map[string]any{},
		"subject": []any{map[string]any{"digest": map[string]string{"sha256": image.Hex}}},
	})
	return text
}

// keyless makes a bundle with a certificate, a log entry with proof, and a timestamp.
func (s *virtualSigstore) keylessBundle(subject, issuer string, text []byte, logged time.Time) *bundlepb.Bundle {
	s.t.Helper()
	made, err := s.ca.AttestAtTime(subject, issuer, text, logged, true)
	must(s.t, err)
	b := &bundlepb.Bundle{MediaType: bundleType, VerificationMaterial: s.material(made)}
	content, _ := made.SignatureContent()
	b.Content = &bundlepb.Bundle_DsseEnvelope{DsseEnvelope: &dssepb.Envelope{
		Payload: text, PayloadType: content.EnvelopeContent().RawEnvelope().PayloadType,
		Signatures: []*dssepb.Signature{{Sig: content.Signature()}},
	}}
	return b
}

const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"

func (s *virtualSigstore) material(made sigstore.SignedEntity) *bundlepb.VerificationMaterial {
	s.t.Helper()
	content, err := made.VerificationContent()
	must(s.t, err)
	entries, _ := made.TlogEntries()
	stamps, _ := made.Timestamps()
	certificate := &commonpb.X509Certificate{RawBytes: content.Certificate().Raw}
	m := &bundlepb.VerificationMaterial{
		Content:                   &bundlepb.VerificationMaterial_Certificate{Certificate: certificate},
		TimestampVerificationData: &bundlepb.TimestampVerificationData{},
	}
	for _, e := range entries {
		m.TlogEntries = append(m.TlogEntries, s.withPromise(e.TransparencyLogEntry()))
	}
	for _, s := range stamps {
		data := m.TimestampVerificationData
		data.Rfc3161Timestamps = append(data.Rfc3161Timestamps, &commonpb.RFC3161SignedTimestamp{SignedTimestamp: s})
	}
	return m
}

// withPromise adds what the testing CA omits in an entry: kind and inclusion promise.
func (s *virtualSigstore) withPromise(e *rekorpb.TransparencyLogEntry) *rekorpb.TransparencyLogEntry {
	s.t.Helper()
	var kind struct{ Kind, APIVersion string }
	must(s.t, json.Unmarshal(e.CanonicalizedBody, &kind))
	promise, err := s.ca.RekorSignPayload(tlog.RekorPayload{
		Body: base64.StdEncoding.EncodeToString(e.CanonicalizedBody), IntegratedTime: e.IntegratedTime,
		LogIndex: e.LogIndex, LogID: hex.EncodeToString(e.LogId.KeyId),
	})
	must(s.t, err)
	e.KindVersion = &rekorpb.KindVersion{Kind: kind.Kind, Version: kind.APIVersion}
	e.InclusionPromise = &rekorpb.InclusionPromise{SignedEntryTimestamp: promise}
	return e
}

// newKey generates a key pair and writes the public key into the folder.
func (s *virtualSigstore) newKey(file string) sign.Keypair {
	s.t.Helper()
	key, err := sign.NewEphemeralKeypair(nil)
	must(s.t, err)
	pem, err := key.GetPublicKeyPem()
	must(s.t, err)
	s.write(file, []byte(pem))
	return key
}

// byKey makes a bundle that a key signs.
func (s *virtualSigstore) keyBundle(key sign.Keypair, text []byte) *bundlepb.Bundle {
	s.t.Helper()
	b, err := sign.Bundle(&sign.DSSEData{Data: text, PayloadType: "application/vnd.in-toto+json"}, key, sign.BundleOptions{})
	must(s.t, err)
	return b
}

// attach pushes a bundle that refers to an image, as cosign 3 does.
func attach(t testing.TB, repository string, image v1.Hash, b *bundlepb.Bundle) {
	t.Helper()
	text, err := protojson.Marshal(b)
	must(t, err)
	attachRaw(t, repository, image, text)
}

func attachRaw(t testing.TB, repository string, image v1.Hash, text []byte) {
	t.Helper()
	must(t, ociremote.WriteAttestationNewBundleFormat(digestIn(t, repository, image), text, signPredicate))
}

func digestIn(t testing.TB, repository string, image v1.Hash) name.Digest {
	t.Helper()
	digest, err := name.NewDigest(repository + "@" + image.String())
	must(t, err)
	return digest
}

// simpleSigning returns the payload that cosign 2 signs.
func simpleSigning(repository string, image v1.Hash) []byte {
	return fmt.Appendf(nil, `{"critical":{"identity":{"docker-reference":"%s"},"image":{"docker-manifest-digest":"%s"},`+
		`"type":"cosign container image signature"},"optional":null}`, repository, image)
}

// signTag signs a payload for the digest claimed without a key, in cosign 2's layout.
// edit, if it is not nil, changes the payload after signing.
func (s *virtualSigstore) signTag(repository string, image, claimed v1.Hash, subject string, edit func([]byte) []byte) {
	s.t.Helper()
	text := simpleSigning(repository, claimed)
	made, err := s.ca.Sign(subject, actions, text)
	must(s.t, err)
	if edit != nil {
		text = edit(text)
	}
	content, _ := made.SignatureContent()
	certificate, _ := made.VerificationContent()
	pem, err := cryptoutils.MarshalCertificateToPEM(certificate.Certificate())
	must(s.t, err)
	entries, _ := made.TlogEntries()
	layer, err := static.NewSignature(text, base64.StdEncoding.EncodeToString(content.Signature()),
		static.WithCertChain(pem, nil), static.WithBundle(rekorBundle(s.withPromise(entries[0].TransparencyLogEntry()))))
	must(s.t, err)
	writeTag(s.t, digestIn(s.t, repository, image), layer)
}

func writeTag(t testing.TB, image name.Digest, layer oci.Signature) {
	t.Helper()
	entity, err := ociremote.SignedEntity(image)
	must(t, err)
	signed, err := mutate.AttachSignatureToEntity(entity, layer)
	must(t, err)
	must(t, ociremote.WriteSignatures(image.Repository, signed))
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
