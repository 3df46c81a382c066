package signer

import (
	"github.com/org/linuxkit-action/internal/verify/discovery"
	"github.com/sigstore/sigstore-go/pkg/root"
)

// timestampedMaterial is trusted material for an attachment whose timestamps may cover
// data that contains the signature. They prove the time of the signature as well.
type timestampedMaterial struct {
	root.TrustedMaterial
	data []byte
}

// withTimestampedData returns material that verifies the timestamps of an attachment.
func withTimestampedData(material root.TrustedMaterial, a discovery.Attachment) root.TrustedMaterial {
	if a.TimestampedData == nil {
		return material
	}
	return timestampedMaterial{material, a.TimestampedData}
}

// TimestampingAuthorities implements root.TrustedMaterial.
func (m timestampedMaterial) TimestampingAuthorities() []root.TimestampingAuthority {
	var all []root.TimestampingAuthority
	for _, authority := range m.TrustedMaterial.TimestampingAuthorities() {
		all = append(all, dataAuthority{authority, m.data})
	}
	return all
}

// dataAuthority accepts a timestamp over the signature or over the data.
type dataAuthority struct {
	root.TimestampingAuthority
	data []byte
}

// Verify implements root.TimestampingAuthority.
func (a dataAuthority) Verify(timestamp, signature []byte) (*root.Timestamp, error) {
	if proved, err := a.TimestampingAuthority.Verify(timestamp, signature); err == nil {
		return proved, nil
	}
	return a.TimestampingAuthority.Verify(timestamp, a.data)
}
