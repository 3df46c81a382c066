package attached

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	cosignbundle "github.com/sigstore/cosign/v2/pkg/cosign/bundle"
	"github.com/sigstore/cosign/v2/pkg/oci/static"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	commonpb "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	rekorpb "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
)

// material makes what a bundle calls so from the annotations: certificate (or none, then
// it is a key), log entry, timestamp. cosign's own package is not asked for them: it does
// not survive a certificate that is none.
func material(notes map[string]string) (*bundlepb.VerificationMaterial, error) {
	m := &bundlepb.VerificationMaterial{}
	if err := certificate(m, notes[static.CertificateAnnotationKey]); err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	if text := notes[static.BundleAnnotationKey]; text != "" {
		var entry cosignbundle.RekorBundle
		err := json.Unmarshal([]byte(text), &entry)
		if err == nil {
			m.TlogEntries, err = logEntry(entry)
		}
		if err != nil {
			return nil, fmt.Errorf("log entry: %w", err)
		}
	}
	if text := notes[static.RFC3161TimestampAnnotationKey]; text != "" {
		var stamp cosignbundle.RFC3161Timestamp
		if err := json.Unmarshal([]byte(text), &stamp); err != nil {
			return nil, fmt.Errorf("timestamp: %w", err)
		}
		stamps := []*commonpb.RFC3161SignedTimestamp{{SignedTimestamp: stamp.SignedRFC3161Timestamp}}
		m.TimestampVerificationData = &bundlepb.TimestampVerificationData{Rfc3161Timestamps: stamps}
	}
	return m, nil
}

func certificate(m *bundlepb.VerificationMaterial, text string) error {
	if text == "" {
		m.Content = &bundlepb.VerificationMaterial_PublicKey{PublicKey: &commonpb.PublicKeyIdentifier{}}
		return nil
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return errors.New("it is not in PEM")
	}
	chain := []*commonpb.X509Certificate{{RawBytes: block.Bytes}}
	m.Content = &bundlepb.VerificationMaterial_X509CertificateChain{X509CertificateChain: &commonpb.X509CertificateChain{Certificates: chain}}
	return nil
}

// logEntry turns a Rekor v1 entry with its promise of inclusion into the form that
// bundles have.
func logEntry(b cosignbundle.RekorBundle) ([]*rekorpb.TransparencyLogEntry, error) {
	text, _ := b.Payload.Body.(string)
	body, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	id, err := hex.DecodeString(b.Payload.LogID)
	if err != nil {
		return nil, err
	}
	var kind struct{ Kind, APIVersion string }
	if err := json.Unmarshal(body, &kind); err != nil {
		return nil, err
	}
	return []*rekorpb.TransparencyLogEntry{{
		LogIndex: b.Payload.LogIndex, LogId: &commonpb.LogId{KeyId: id},
		KindVersion:    &rekorpb.KindVersion{Kind: kind.Kind, Version: kind.APIVersion},
		IntegratedTime: b.Payload.IntegratedTime, CanonicalizedBody: body,
		InclusionPromise: &rekorpb.InclusionPromise{SignedEntryTimestamp: b.SignedEntryTimestamp},
	}}, nil
}
