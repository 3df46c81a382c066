package verify

import (
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
	"github.com/org/linuxkit-action/internal/verify/attached"
)

// Attestation is one that must be there.
type Attestation struct {
	strict.At
	Type string `yaml:"type,required"` // predicate type: a URI, or cosign's short name of it
	CUE  string `yaml:"cue"`           // what the whole in-toto statement must be: CUE, or a file NAME.cue, relative to the policy

	content *constraint // nil where only the type counts
}

// predicates are cosign's short names of predicate types (cosign attest --type).
var predicates = map[string]string{
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

func (a *Attestation) prepare(dir string) []strict.Problem {
	if problems := a.prepareType(); len(problems) > 0 || !a.Has("cue") {
		return problems
	}
	var err error
	if a.content, err = loadConstraint(dir, a.CUE, a.Type); err != nil {
		return []strict.Problem{a.Problem("cue", "%s", printable(err.Error()))}
	}
	return nil
}

func (a *Attestation) prepareType() []strict.Problem {
	if long, ok := predicates[a.Type]; ok {
		a.Type = long
		return nil
	}
	if strings.Contains(a.Type, ":") {
		return nil
	}
	if near := strict.Nearest(a.Type, shortNames()); near != "" {
		return []strict.Problem{a.Problem("type", "%q is no predicate type; did you mean %s?", a.Type, near)}
	}
	return []strict.Problem{a.Problem("type", "%q is no predicate type; give its URI, or one of %s", a.Type, strings.Join(shortNames(), ", "))}
}

// claim returns what somebody must have said for the attestation to be there.
func (a *Attestation) claim() claim {
	return claim{predicate: a.Type, places: attached.Attestations, content: a.content}
}

func shortNames() []string {
	var names []string
	for short := range predicates {
		names = append(names, short)
	}
	slices.Sort(names)
	return names
}
