package verify

import (
	"github.com/org/linuxkit-action/internal/verify/attached"
	"github.com/sigstore/sigstore-go/pkg/root"
)

// stampedWhole is material for an attachment whose timestamps may be over more than its
// signature. What was there with the signature in it says the same of the signature.
type stampedWhole struct {
	root.TrustedMaterial
	whole []byte
}

// forStamps returns the material by which an attachment's timestamps can be verified.
func forStamps(material root.TrustedMaterial, a attached.Attachment) root.TrustedMaterial {
	if a.Stamped == nil {
		return material
	}
	return stampedWhole{material, a.Stamped}
}

// TimestampingAuthorities implements root.TrustedMaterial.
func (m stampedWhole) TimestampingAuthorities() []root.TimestampingAuthority {
	var all []root.TimestampingAuthority
	for _, authority := range m.TrustedMaterial.TimestampingAuthorities() {
		all = append(all, stampsWhole{authority, m.whole})
	}
	return all
}

type stampsWhole struct {
	root.TimestampingAuthority
	whole []byte
}

// Verify implements root.TimestampingAuthority.
func (s stampsWhole) Verify(timestamp, signature []byte) (*root.Timestamp, error) {
	if proven, err := s.TimestampingAuthority.Verify(timestamp, signature); err == nil {
		return proven, nil
	}
	return s.TimestampingAuthority.Verify(timestamp, s.whole)
}
