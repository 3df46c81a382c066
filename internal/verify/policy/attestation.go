package policy

import (
	"maps"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
	"github.com/org/linuxkit-action/internal/markup"
	"github.com/org/linuxkit-action/internal/verify/constraint"
)

// Attestation is one that the signers of a rule must have made.
type Attestation struct {
	strict.At
	Type string `yaml:"type,required"` // predicate type: a URI, or cosign's short name
	CUE  string `yaml:"cue"`           // constraint on the in-toto statement: text, or a file NAME.cue, relative to the policy

	constraint *constraint.Constraint
}

// SignPredicate is the predicate type of the statement that cosign 3 signs for an image.
const SignPredicate = "https://sigstore.dev/cosign/sign/v1"

// predicateTypes are those that cosign has a short name for (cosign attest --type).
var predicateTypes = map[string]string{
	"custom":           "https://cosign.sigstore.dev/attestation/v1",
	"slsaprovenance":   "https://slsa.dev/provenance/v0.2",
	"slsaprovenance02": "https://slsa.dev/provenance/v0.2",
	"slsaprovenance1":  "https://slsa.dev/provenance/v1",
	"spdx":             "https://spdx.dev/Document",
	"spdxjson":         "https://spdx.dev/Document",
	"cyclonedx":        "https://cyclonedx.org/bom",
	"link":             "https://in-toto.io/Link/v1",
	"vuln":             "https://cosign.sigstore.dev/attestation/vuln/v1",
	"openvex":          "https://openvex.dev/ns",
}

// Constraint returns what the statement must satisfy, or nil where only the type counts.
func (a *Attestation) Constraint() *constraint.Constraint { return a.constraint }

func (a *Attestation) prepare(dir folder) []strict.Problem {
	if problems := a.prepareType(); len(problems) > 0 || !a.Has("cue") {
		return problems
	}
	var err error
	if a.constraint, err = loadConstraint(dir, a.CUE, a.Type); err != nil {
		return []strict.Problem{a.Problem("cue", "%s", markup.Line(err.Error()))}
	}
	return nil
}

// prepareType replaces a short name by the URI.
func (a *Attestation) prepareType() []strict.Problem {
	if a.Type == SignPredicate {
		return []strict.Problem{a.Problem("type", "%q is the signature itself, which every rule requires; remove this attestation", a.Type)}
	}
	if uri, ok := predicateTypes[a.Type]; ok {
		a.Type = uri
		return nil
	}
	if strings.Contains(a.Type, ":") {
		return nil
	}
	names := slices.Sorted(maps.Keys(predicateTypes))
	if near := strict.Nearest(a.Type, names); near != "" {
		return []strict.Problem{a.Problem("type", "%q is not a predicate type; did you mean %s?", a.Type, near)}
	}
	return []strict.Problem{a.Problem("type", "%q is not a predicate type; use a URI, or one of %s", a.Type, strings.Join(names, ", "))}
}

func loadConstraint(dir folder, text, predicateType string) (*constraint.Constraint, error) {
	file := strings.TrimSpace(text)
	if !strings.HasSuffix(file, ".cue") || strings.Contains(file, "\n") {
		return constraint.Parse("", text, predicateType)
	}
	content, err := dir.read(file, constraint.MaxBytes+1)
	if err != nil {
		return nil, err
	}
	return constraint.Parse(file, string(content), predicateType)
}
