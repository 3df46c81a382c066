package discovery

import (
	"bytes"
	"encoding/json"
	"errors"

	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// ErrNoStatement is returned by File for a signature without a statement.
var ErrNoStatement = errors.New("no statement")

// File returns a file by which an attestation can be verified again: a DSSE envelope, or a
// bundle with the given material, which is that of the attachment without what is not
// verified. It is made from what was decoded, so that equal attachments have equal files,
// whatever else their stored form contains. Other verifiers do not accept a timestamp over
// the envelope (see TimestampedData) in a bundle; a log entry they do.
func (a Attachment) File(material *bundlepb.VerificationMaterial) ([]byte, error) {
	if a.Bundle.GetDsseEnvelope() == nil {
		return nil, ErrNoStatement
	}
	plain := len(material.GetTlogEntries()) == 0 && material.GetTimestampVerificationData() == nil
	if a.inTag && material.GetPublicKey() != nil && plain {
		return a.envelope()
	}
	text, err := protojson.Marshal(&bundlepb.Bundle{
		MediaType: a.Bundle.GetMediaType(), Content: a.Bundle.GetContent(), VerificationMaterial: material,
	})
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = json.Compact(&out, text) // protojson adds random white space
	return out.Bytes(), err
}

// envelope returns the DSSE envelope as cosign writes it (secure-systems-lab DSSE,
// envelope.md). A keyid is a hint that no signature covers.
func (a Attachment) envelope() ([]byte, error) {
	type signature struct {
		KeyID string `json:"keyid"`
		Sig   []byte `json:"sig"`
	}
	e := a.Bundle.GetDsseEnvelope()
	out := struct {
		PayloadType string      `json:"payloadType"`
		Payload     []byte      `json:"payload"`
		Signatures  []signature `json:"signatures"`
	}{PayloadType: e.GetPayloadType(), Payload: e.GetPayload(), Signatures: []signature{}}
	for _, s := range e.GetSignatures() {
		out.Signatures = append(out.Signatures, signature{Sig: s.GetSig()})
	}
	return json.Marshal(out)
}
