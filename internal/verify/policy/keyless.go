package policy

import (
	"regexp/syntax"

	"github.com/org/linuxkit-action/internal/manifest/strict"
	"github.com/org/linuxkit-action/internal/verify/signer"
)

// Keyless is an identity that Fulcio certifies. Issuer and subject are each an exact value
// or, as in cosign's flags, a regular expression. An expression that is not anchored would
// match longer values: it gets a warning, and is anchored.
type Keyless struct {
	strict.At
	Issuer        string `yaml:"issuer"`
	IssuerRegExp  string `yaml:"issuerRegExp"`
	Subject       string `yaml:"subject"`
	SubjectRegExp string `yaml:"subjectRegExp"`

	warnings []strict.Problem
}

// signer validates the fields and returns the signer that they describe.
func (k *Keyless) signer() (*signer.Keyless, []strict.Problem) {
	problems := append(
		k.checkPair("issuer", k.Issuer, &k.IssuerRegExp),
		k.checkPair("subject", k.Subject, &k.SubjectRegExp)...)
	if len(problems) > 0 {
		return nil, problems
	}
	identity, err := signer.NewKeyless(k.Issuer, k.IssuerRegExp, k.Subject, k.SubjectRegExp)
	if err != nil {
		return nil, []strict.Problem{k.Problem("", "%v", err)}
	}
	return identity, nil
}

// checkPair checks that either a value or an expression is given, and anchors the
// expression.
func (k *Keyless) checkPair(field, exact string, expression *string) []strict.Problem {
	if (exact == "") == (*expression == "") {
		return []strict.Problem{k.Problem(field, "must be given, or else %sRegExp, and not both", field)}
	}
	if exact != "" {
		return nil
	}
	field += "RegExp"
	parsed, err := syntax.Parse(*expression, syntax.Perl)
	if err != nil {
		return []strict.Problem{k.Problem(field, "%v", err)}
	}
	if !anchored(parsed, syntax.OpBeginText) || !anchored(parsed, syntax.OpEndText) {
		*expression = "^(?:" + *expression + ")$"
		k.warnings = append(k.warnings,
			k.Problem(field, "is not anchored and would match longer values; it is used as %s, write that", *expression))
	}
	return nil
}

// anchored reports whether every match of an expression begins with OpBeginText, or ends
// with OpEndText.
func anchored(re *syntax.Regexp, anchor syntax.Op) bool {
	switch re.Op {
	case anchor:
		return true
	case syntax.OpCapture:
		return anchored(re.Sub[0], anchor)
	case syntax.OpConcat:
		if anchor == syntax.OpBeginText {
			return anchored(re.Sub[0], anchor)
		}
		return anchored(re.Sub[len(re.Sub)-1], anchor)
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if !anchored(sub, anchor) {
				return false
			}
		}
		return true
	}
	return false
}
