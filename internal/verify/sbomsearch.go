package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/verify/attached"
)

// sbomSearch is for the SBOMs of one component.
type sbomSearch struct {
	result  Result
	drafts  map[string]draft           // by hash
	vouched map[string]map[string]bool // statement → signers: as for a signature, one may not be enough
	notes   []string
}

// draft is an SBOM by one of the signers.
type draft struct {
	SBOM
	statement string // its hash
}

func (s *sbomSearch) run(ctx context.Context) ([]SBOM, error) {
	ctx, cancel := context.WithTimeout(ctx, component.MetadataTimeout)
	defer cancel()
	found := newFinder(s.result.Component)
	for _, image := range found.images() {
		for _, place := range attached.Attestations {
			attachments, err := found.find(ctx, corner{image, place})
			if err != nil {
				return nil, component.Classify(err)
			}
			for _, a := range attachments {
				if err := s.hold(ctx, a, image); err != nil {
					return nil, err
				}
			}
		}
	}
	return s.kept(), nil
}

// hold takes an attachment that is an SBOM of the image by one of the signers.
func (s *sbomSearch) hold(ctx context.Context, a attached.Attachment, image v1.Hash) error {
	if a.Err != nil {
		s.note(printable(a.Err.Error()))
		return nil
	}
	predicate, form := sbomIn(a)
	if form == "" {
		return nil
	}
	one := &tally{claim: claim{predicate: predicate, places: attached.Attestations}, rule: s.result.asked, demands: s.result.demands, by: map[string]Signature{}}
	if err := one.hold(ctx, a, image); err != nil {
		return err
	}
	if len(one.by) == 0 {
		s.note(one.refusal())
		return nil
	}
	d := draft{SBOM{form, a.Whole, sum(a.Whole)}, sum(a.Bundle.GetDsseEnvelope().GetPayload())}
	s.drafts[d.SHA256] = d
	if s.vouched[d.statement] == nil {
		s.vouched[d.statement] = map[string]bool{}
	}
	for signer := range one.by {
		s.vouched[d.statement][signer] = true
	}
	return nil
}

// kept returns what enough signers vouch for.
func (s *sbomSearch) kept() []SBOM {
	var kept []SBOM
	for _, hash := range slices.Sorted(maps.Keys(s.drafts)) {
		d := s.drafts[hash]
		if by := len(s.vouched[d.statement]); by < s.result.asked.Threshold {
			s.note(fmt.Sprintf("it is by %d of the signers, and %d are needed", by, s.result.asked.Threshold))
			continue
		}
		kept = append(kept, d.SBOM)
	}
	return kept
}

func (s *sbomSearch) note(why string) {
	if !slices.Contains(s.notes, why) {
		s.notes = append(s.notes, why)
	}
}

func sum(content []byte) string {
	hash := sha256.Sum256(content)
	return hex.EncodeToString(hash[:])
}
