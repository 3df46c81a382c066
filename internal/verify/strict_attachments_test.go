package verify

import (
	"bytes"
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/sigstore/cosign/v2/pkg/oci/mutate"
	ociremote "github.com/sigstore/cosign/v2/pkg/oci/remote"
	"github.com/sigstore/cosign/v2/pkg/oci/static"
	commonpb "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore-go/pkg/sign"
	"google.golang.org/protobuf/encoding/protojson"
)

// envelopesBy attaches envelopes in cosign 2's layout: each is the signed one, changed.
func envelopesBy(key sign.Keypair, changes ...func(string) string) attachFunc {
	return func(s *virtualSigstore, r string, d v1.Hash) {
		text, err := protojson.Marshal(s.keyBundle(key, statementOf(spdxType, d)).GetDsseEnvelope())
		must(s.t, err)
		var compact bytes.Buffer
		must(s.t, json.Compact(&compact, text))
		for _, change := range changes {
			layer, err := static.NewAttestation([]byte(change(compact.String())))
			must(s.t, err)
			entity, err := ociremote.SignedEntity(digestIn(s.t, r, d))
			must(s.t, err)
			attested, err := mutate.AttachAttestationToEntity(entity, layer)
			must(s.t, err)
			must(s.t, ociremote.WriteAttestations(digestIn(s.t, r, d).Repository, attested))
		}
	}
}

// TestKeepsWhatWasSigned: nothing that can be added to a signed SBOM is kept.
func TestKeepsWhatWasSigned(t *testing.T) {
	t.Parallel()
	s := newVirtualSigstore(t)
	key := s.newKey("a.pub")
	first := func(addition string) func(string) string {
		return func(text string) string { return strings.Replace(text, "{", "{"+addition, 1) }
	}
	var blanks []func(string) string
	for i := range 8 {
		blanks = append(blanks, first(strings.Repeat(" ", i)))
	}
	keyID := func(text string) string { return strings.Replace(text, `"sig":`, `"keyid":"junk","sig":`, 1) }
	bundleWithJunk := func(s *virtualSigstore, r string, d v1.Hash) {
		b := s.keyBundle(key, statementOf(spdxType, d))
		b.VerificationMaterial.GetPublicKey().Hint = "junk"
		junk := &commonpb.RFC3161SignedTimestamp{SignedTimestamp: []byte("junk")}
		timestamped := s.keylessBundle(release, actions, statementOf(spdxType, d), inValidity()).VerificationMaterial.TimestampVerificationData
		timestamped.Rfc3161Timestamps = append(timestamped.Rfc3161Timestamps, junk)
		b.VerificationMaterial.TimestampVerificationData = timestamped
		attach(s.t, r, d, b)
	}
	for name, tt := range map[string]struct {
		attach attachFunc
		sboms  int
		note   string
	}{
		"copies with blanks":   {attach: envelopesBy(key, blanks...), sboms: 1},
		"hint":                 {attach: envelopesBy(key, keyID), sboms: 1},
		"bundle with junk":     {attach: bundleWithJunk, sboms: 1},
		"payload, other case":  {attach: envelopesBy(key, first(`"Payload":"e30=",`)), note: "duplicate key"},
		"payload twice":        {attach: envelopesBy(key, first(`"payload":"e30=",`)), note: "duplicate key"},
		"unknown field":        {attach: envelopesBy(key, first(`"comment":"junk",`)), note: "unknown field"},
		"data after the value": {attach: envelopesBy(key, func(text string) string { return text + "{}" }), note: "data after"},
	} {
		repository, digest := pushOne(t, name)
		tt.attach(&virtualSigstore{t: t, ca: s.ca, dir: s.dir}, repository, digest)
		sboms, notes := sbomsOf(t, repository+":1", s.policy("rules: [{match: '**', key: a.pub}]"))
		if len(sboms) != tt.sboms || !strings.Contains(notes, tt.note) {
			t.Errorf("%s: %d SBOMs, notes %q", name, len(sboms), notes)
		}
		for _, sbom := range sboms {
			if strings.Contains(string(sbom.Content), "junk") || strings.Contains(string(sbom.Content), "imestamp") {
				t.Errorf("%s: %s", name, sbom.Content)
			}
		}
	}
}

// TestHintDoesNotRejectASignature: a keyid is covered by no signature. cosign ignores it.
func TestHintDoesNotRejectASignature(t *testing.T) {
	t.Parallel()
	s := newVirtualSigstore(t)
	key := s.newKey("a.pub")
	checkCases(t, s, "rules: [{match: '**', key: a.pub}]", map[string]attachmentCase{
		"keyid": {attach: func(s *virtualSigstore, r string, d v1.Hash) {
			b := s.keyBundle(key, statementOf(signPredicate, d))
			b.GetDsseEnvelope().Signatures[0].Keyid = "another"
			attach(s.t, r, d, b)
		}},
		"another type of statement": {attach: func(s *virtualSigstore, r string, d v1.Hash) {
			text := bytes.Replace(statementOf(signPredicate, d), []byte("https://in-toto.io/Statement/v1"), []byte("https://evil.example/v1"), 1)
			attach(s.t, r, d, s.keyBundle(key, text))
		}, want: "statement has _type"},
	})
}

// TestRejectsLargeAttachmentsCheaply: before anything of them is decoded.
func TestRejectsLargeAttachmentsCheaply(t *testing.T) {
	s := newVirtualSigstore(t)
	s.newKey("a.pub")
	repository, digest := pushOne(t, "1")
	signatures := `{"mediaType":"` + bundleType + `","dsseEnvelope":{"payload":"e30=","payloadType":"t","signatures":[` +
		strings.Repeat("{},", 5_000_000) + `{}]}}`
	nested := strings.Repeat(`{"a":`, 1_000_000) + "1" + strings.Repeat("}", 1_000_000)
	for _, text := range []string{signatures, nested} {
		attachRaw(t, repository, digest, []byte(text))
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := check(t, repository+":1", s.policy("rules: [{match: '**', key: a.pub}]"), Enforce)
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), "more than 4096 values") || !strings.Contains(err.Error(), "nested deeper") {
		t.Errorf("got %.300v", err)
	}
	if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > 256 {
		t.Errorf("allocates %d MiB", mib)
	}
}
