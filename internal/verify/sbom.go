package verify

import (
	"context"
	"strings"

	"github.com/org/linuxkit-action/internal/progress"
	"github.com/org/linuxkit-action/internal/verify/attached"
	"golang.org/x/sync/errgroup"
)

// Forms of an SBOM.
const (
	SPDX      = "spdx"
	CycloneDX = "cyclonedx"
)

// sbomTypes are the predicate types of SBOMs, to which a version may be added behind a
// slash (in-toto attestation framework, spec/predicates: spdx.md, cyclonedx.md).
var sbomTypes = map[string]string{
	SPDX:      "https://spdx.dev/Document",
	CycloneDX: "https://cyclonedx.org/bom",
}

// SBOM is a bill of materials of a component, attested by those who had to sign it.
type SBOM struct {
	Form    string // SPDX or CycloneDX
	Content []byte // what the signers made, which can be verified again: a DSSE envelope, or a Sigstore bundle
	SHA256  string // of Content, in hex
}

// SBOMs looks for what is attached to each of Results, and returns in their order those
// SBOMs that enough of its rule's signers vouch for, sorted by hash. Where no rule asked
// for a signer, nobody is asked. One that is there and not vouched for is told in a note.
// The error is that of a registry, or of Sigstore, that cannot be asked: whether there is
// an SBOM must not hang on the weather.
//
// It is a question of its own, for builds: who only wants to know whether all is signed
// need not wait for it.
func (v *Verified) SBOMs(ctx context.Context, report progress.Reporter) ([][]SBOM, error) {
	found := make([][]SBOM, len(v.results))
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(checksAtOnce)
	for i, r := range v.results {
		if r.asked == nil {
			continue
		}
		workers.Go(func() (err error) {
			s := &sbomSearch{result: r, drafts: map[string]draft{}, vouched: map[string]map[string]bool{}}
			if found[i], err = s.run(ctx); err != nil {
				return err
			}
			for _, why := range s.notes {
				report.Note("not kept as SBOM of %s: %s", r.Component.Reference, why)
			}
			return nil
		})
	}
	return found, workers.Wait()
}

// sbomIn returns the predicate type of an attestation and which form of SBOM it is; ""
// where it is none.
func sbomIn(a attached.Attachment) (predicate, form string) {
	content, err := a.Bundle.SignatureContent()
	if err != nil || content.EnvelopeContent() == nil {
		return "", ""
	}
	statement, err := content.EnvelopeContent().Statement()
	if err != nil {
		return "", ""
	}
	for form, known := range sbomTypes {
		if statement.PredicateType == known || strings.HasPrefix(statement.PredicateType, known+"/") {
			return statement.PredicateType, form
		}
	}
	return "", ""
}
