package discovery

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

// verificationMaterial converts the annotations of cosign 2: certificate (or none, for a
// signature by key), log entry and timestamp. cosign's own decoder is not used, for it
// panics on a malformed certificate.
func verificationMaterial(annotations map[string]string) (*bundlepb.VerificationMaterial, error) {
	m := &bundlepb.VerificationMaterial{}
	if err := setCertificate(m, annotations[static.CertificateAnnotationKey]); err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	if text := annotations[static.BundleAnnotationKey]; text != "" {
		var entry cosignbundle.RekorBundle
		err := json.Unmarshal([]byte(text), &entry)
		if err == nil {
			m.TlogEntries, err = logEntries(entry)
		}
		if err != nil {
			return nil, fmt.Errorf("log entry: %w", err)
		}
	}
	if text := annotations[static.RFC3161TimestampAnnotationKey]; text != "" {
		var timestamp cosignbundle.RFC3161Timestamp
		if err := json.Unmarshal([]byte(text), &timestamp); err != nil {
			return nil, fmt.Errorf("timestamp: %w", err)
		}
		timestamps := []*commonpb.RFC3161SignedTimestamp{{SignedTimestamp: timestamp.SignedRFC3161Timestamp}}
		m.TimestampVerificationData = &bundlepb.TimestampVerificationData{Rfc3161Timestamps: timestamps}
	}
	return m, nil
}

func setCertificate(m *bundlepb.VerificationMaterial, text string) error {
	if text == "" {
		m.Content = &bundlepb.VerificationMaterial_PublicKey{PublicKey: &commonpb.PublicKeyIdentifier{}}
		return nil
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return errors.New("not PEM")
	}
	chain := &commonpb.X509CertificateChain{Certificates: []*commonpb.X509Certificate{{RawBytes: block.Bytes}}}
	m.Content = &bundlepb.VerificationMaterial_X509CertificateChain{X509CertificateChain: chain}
	return nil
}

// logEntries converts an entry of Rekor v1 with its promise of inclusion.
func logEntries(b cosignbundle.RekorBundle) ([]*rekorpb.TransparencyLogEntry, error) {
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
		LogIndex:          b.Payload.LogIndex,
		LogId:             &commonpb.LogId{KeyId: id},
		KindVersion:       &rekorpb.KindVersion{Kind: kind.Kind, Version: kind.APIVersion},
		IntegratedTime:    b.Payload.IntegratedTime,
		CanonicalizedBody: body,
		InclusionPromise:  &rekorpb.InclusionPromise{SignedEntryTimestamp: b.SignedEntryTimestamp},
	}}, nil
}
