package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/crash"
	"github.com/org/linuxkit-action/internal/markup"
	"github.com/org/linuxkit-action/internal/progress"
	"github.com/org/linuxkit-action/internal/verify/discovery"
	"github.com/org/linuxkit-action/internal/verify/signer"
	"golang.org/x/sync/errgroup"
)

// Formats of an SBOM.
const (
	SPDX      = "spdx"
	CycloneDX = "cyclonedx"
)

// sbomTypes are the predicate types of SBOMs. A slash and a version may follow (in-toto
// attestation framework, spec/predicates: spdx.md, cyclonedx.md).
var sbomTypes = map[string]string{
	SPDX:      "https://spdx.dev/Document",
	CycloneDX: "https://cyclonedx.org/bom",
}

// SBOM is a bill of materials of a component, attested by the signers of its rule.
type SBOM struct {
	Format  string // SPDX or CycloneDX
	Content []byte // a file by which it can be verified again: a DSSE envelope, or a Sigstore bundle
	SHA256  string // of Content, in hex
}

// SBOMs returns, for each of Results, the attached SBOMs that the rule's signers have
// signed, sorted by digest. A component without a rule has none, for it has no signers. An
// attached SBOM that does not count is skipped with a note. The error is that of a registry
// or of Sigstore: a build must not lack an SBOM because a service is unavailable.
//
// Check does not call it: only a build needs SBOMs.
func (v *Verified) SBOMs(ctx context.Context, reporter progress.Reporter) ([][]SBOM, error) {
	found := make([][]SBOM, len(v.results))
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(maxConcurrent)
	for i, r := range v.results {
		if r.rule == nil {
			continue
		}
		workers.Go(crash.Guard(func() (err error) {
			s := &sbomSearch{result: r, attested: map[string]attestedSBOM{}, signers: map[string]map[string]bool{}}
			if found[i], err = s.run(ctx); err != nil {
				return err
			}
			for _, note := range s.notes {
				reporter.Note("SBOM of %s skipped: %s", r.Component.Reference, note)
			}
			return nil
		}))
	}
	return found, workers.Wait()
}

// sbomSearch finds the SBOMs of one component.
type sbomSearch struct {
	result   Result
	attested map[string]attestedSBOM    // by digest of the statement
	signers  map[string]map[string]bool // digest of the statement → those who signed it
	notes    []string
}

// attestedSBOM is an SBOM that one of the signers has signed.
type attestedSBOM struct {
	SBOM
	statement string // its digest
}

func (s *sbomSearch) run(ctx context.Context) ([]SBOM, error) {
	ctx, cancel := context.WithTimeout(ctx, component.MetadataTimeout)
	defer cancel()
	finder := discovery.NewFinder(s.result.Component)
	for _, image := range finder.Digests() {
		for _, location := range discovery.AttestationLocations {
			attachments, err := finder.Find(ctx, image, location)
			if err != nil {
				return nil, err
			}
			for _, a := range attachments {
				if err := s.verify(ctx, a, image); err != nil {
					return nil, err
				}
			}
		}
	}
	return s.signed(), nil
}

// verify keeps an attachment that is an SBOM of the image by one of the signers.
func (s *sbomSearch) verify(ctx context.Context, a discovery.Attachment, image v1.Hash) error {
	if a.Err != nil {
		s.note(markup.Line(a.Err.Error()))
		return nil
	}
	predicateType, format := sbomFormat(a)
	if format == "" {
		return nil
	}
	r := requirement{predicateType: predicateType, locations: discovery.AttestationLocations}
	count := newSignatureCount(r, s.result.rule, s.result.options)
	if err := count.verify(ctx, a, image); err != nil {
		return err
	}
	if len(count.signatures) == 0 {
		s.note(count.shortfall())
		return nil
	}
	file, err := s.file(ctx, a)
	if err != nil {
		return err
	}
	s.keep(attestedSBOM{
		SBOM:      SBOM{Format: format, Content: file, SHA256: digestOf(file)},
		statement: digestOf(a.Bundle.GetDsseEnvelope().GetPayload()),
	}, count.signatures)
	return nil
}

// file returns the file of an SBOM that is verified.
func (s *sbomSearch) file(ctx context.Context, a discovery.Attachment) ([]byte, error) {
	material, err := signer.VerifiedMaterial(ctx, a, s.result.options)
	if err != nil {
		return nil, err
	}
	return a.File(material)
}

// keep keeps one SBOM of each statement: of several with the same, the first by digest.
func (s *sbomSearch) keep(sbom attestedSBOM, signatures map[string]signer.Signature) {
	if known, ok := s.attested[sbom.statement]; !ok || sbom.SHA256 < known.SHA256 {
		s.attested[sbom.statement] = sbom
	}
	if s.signers[sbom.statement] == nil {
		s.signers[sbom.statement] = map[string]bool{}
	}
	for name := range signatures {
		s.signers[sbom.statement][name] = true
	}
}

// signed returns the SBOMs whose statement enough signers have signed.
func (s *sbomSearch) signed() []SBOM {
	var signed []SBOM
	threshold := s.result.rule.Threshold
	bySHA256 := func(a, b attestedSBOM) int { return strings.Compare(a.SHA256, b.SHA256) }
	for _, sbom := range slices.SortedFunc(maps.Values(s.attested), bySHA256) {
		if n := len(s.signers[sbom.statement]); n < threshold {
			s.note(fmt.Sprintf("signed by %d of %d required signers", n, threshold))
			continue
		}
		signed = append(signed, sbom.SBOM)
	}
	return signed
}

func (s *sbomSearch) note(text string) {
	if !slices.Contains(s.notes, text) {
		s.notes = append(s.notes, text)
	}
}

// sbomFormat returns the predicate type of an attestation and the format of the SBOM in
// it, or "" if it is none.
func sbomFormat(a discovery.Attachment) (predicateType, format string) {
	head, err := headOf(a)
	if err != nil {
		return "", ""
	}
	predicateType = head.GetPredicateType()
	for format, known := range sbomTypes {
		if predicateType == known || strings.HasPrefix(predicateType, known+"/") {
			return predicateType, format
		}
	}
	return "", ""
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
